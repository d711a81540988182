// What Fairlead remembers of builds, releases and deployments: one SQLite file, every change on
// disk when the call returns (DESIGN: promise 4). Belongs to control; one loop's thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/deployment.h"
#include "io/deadline.h"
#include "io/task.h"
#include "store/database.h"

namespace fairlead::ship {

using control::Build;
using control::Deployment;
using control::EnvironmentName;
using control::Release;

class Ledger {
 public:
  // Makes or updates the file's schema; blocks while it does.
  static Result<std::unique_ptr<Ledger>> open(io::Loop& loop, const std::filesystem::path& file);
  io::Task<void> close() { return database_->close(); }

  // ---- builds
  // The next build number of the app; given out once, also when the build fails.
  io::Task<Result<unsigned>> next_build_number(std::string app);
  io::Task<Result<>> add_build(Build build);
  io::Task<Result<std::vector<Build>>> builds(std::string app, unsigned most = 50);  // newest first

  // ---- releases
  // Gives it the next number of its environment.
  io::Task<Result<Release>> add_release(Release release);
  // Keeps which schema its release command has left.
  io::Task<Result<>> note_schema(Release release);
  // kNotFound names those that there are.
  io::Task<Result<Release>> release(EnvironmentName environment, unsigned number);
  io::Task<Result<std::vector<Release>>> releases(EnvironmentName environment,
                                                  unsigned most = 50);  // newest first
  // The release that serves; nothing before the first deployment.
  io::Task<Result<std::optional<Release>>> live(EnvironmentName environment);
  io::Task<Result<std::vector<EnvironmentName>>> environments();
  // Of every environment the live release and the newest `spare` others: what clean-up must keep.
  io::Task<Result<std::vector<Release>>> pinned(unsigned spare);

  // ---- deployments
  // Begins one: takes the environment's lease for `lease`, in the same transaction. kExists, naming
  // the holder and how long the lease still lasts, while another deployment holds it. Gives the
  // deployment its id.
  io::Task<Result<Deployment>> begin(Deployment deployment, Duration lease);
  // Keeps the record of a running deployment, and its lease for another `lease`. kNotFound when the
  // lease was lost.
  io::Task<Result<>> note(Deployment deployment, Duration lease);
  // Ends it: the record, the lease and, when it succeeded, which release is live, in one
  // transaction.
  io::Task<Result<>> finish(Deployment deployment);
  // Running ones: after a restart of control, what it was in the middle of.
  io::Task<Result<std::vector<Deployment>>> unfinished();
  io::Task<Result<std::vector<Deployment>>> deployments(EnvironmentName environment,
                                                        unsigned most = 50);

  // ---- audit: append-only
  io::Task<Result<>> audit(control::AuditEntry entry);
  io::Task<Result<std::vector<control::AuditEntry>>> audit_log(
      unsigned most = 100);  // newest first

 private:
  explicit Ledger(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}
  std::unique_ptr<store::Database> database_;
};

}  // namespace fairlead::ship
