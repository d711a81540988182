// One environment's processes and their place in the edge's snapshot: what ship asks for, done by
// the supervisor and the edge.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/state.h"
#include "control/orders.h"
#include "control/snapshot.h"
#include "control/traffic_meter.h"
#include "io/worker.h"
#include "ship/artifact_store.h"
#include "ship/fleet.h"
#include "supervise/edge_process.h"
#include "supervise/environment.h"
#include "supervise/marks.h"
#include "supervise/service.h"

namespace fairlead::cli {

// What the fleets of all environments share. Outlives them.
struct Harbour {
  io::Loop& loop;
  StateFolders folders;
  ship::ArtifactStore& artifacts;
  io::Worker& worker;  // for what the artifact store does
  control::LogSink logs;
  supervise::EdgeProcess* edge = nullptr;
  io::Address http;  // where the edge listens for plain HTTP
  control::TrafficMeter meter;
  // What an edge that was taken over has served so far: it stays so for every environment until
  // that one is recovered.
  std::optional<control::Snapshot> before;
  // What ran when this control began: for the fleets that are recovered then.
  std::vector<supervise::Marked> marked;
};

// What becomes of the requests to an environment. Kept on disk.
enum class Mode : std::uint8_t {
  kServing,
  kPaused,       // they wait in the edge
  kMaintenance,  // they are answered 503
  kStopped,      // the same, and no replica runs
};
std::string_view to_string(Mode mode);

class Fleet final : public ship::Fleet {
 public:
  Fleet(Harbour& harbour, control::EnvironmentName name);

  // Ends what an earlier control left half done (a release command, a process without a record).
  // Replicas stay.
  io::Task<void> clean_up();

  io::Task<Result<>> prepare(control::Release release) override;
  io::Task<Result<>> run_release_command(unsigned release, io::Deadline deadline) override;
  io::Task<Result<std::string>> schema(unsigned release, io::Deadline deadline) override;
  io::Task<Result<>> migrate_down(unsigned release, std::string schema,
                                  io::Deadline deadline) override;
  std::vector<ship::Group> wanted(unsigned release) const override;
  io::Task<Result<>> start(ship::Group group, io::Deadline deadline) override;
  io::Task<Result<>> route(std::vector<ship::Group> groups, io::Deadline deadline) override;
  io::Task<Result<>> shrink(ship::Group group, io::Deadline deadline) override;
  std::vector<ship::Group> running() const override;
  io::Task<Result<control::Traffic>> traffic(unsigned release, io::Deadline deadline) override;
  std::optional<control::Failure> evidence(unsigned release) const override;

  // How many replicas of a process type are wanted whatever the file says. Kept on disk.
  Result<> scale(const std::map<std::string, unsigned>& replicas);
  Mode mode() const { return mode_; }
  // Takes effect with the next route().
  Result<> set_mode(Mode mode);
  // What a command needs to run beside the replicas of a prepared release.
  control::Surround surround(unsigned release) const;
  // The app whose routes hold; null before the first one is routed.
  const supervise::Environment* leading() const;
  // Whether this control has routed anything yet. Until then all is as it was before.
  bool routed_once() const { return routed_once_; }
  // Adds what is routed to the snapshot.
  void add_to(control::Snapshot& snapshot) const;
  control::EnvironmentStatus status() const;
  // What is not enforced of the releases that run.
  std::vector<std::string> notes() const;
  // What the newest release says is to be watched, and with what variables; null without any.
  const supervise::EnvironmentSpec* newest() const;
  // Its databases: they outlive stop(), and end with control's own.
  io::Task<void> stop_services() { return services_.stop(); }
  const supervise::Environment* environment(unsigned release) const;
  const control::EnvironmentName& name() const { return name_; }

 private:
  supervise::Environment* find(unsigned release) const;
  Result<supervise::EnvironmentSpec> spec_of(const control::Release& release,
                                             std::filesystem::path root) const;
  Result<> hide_secrets(const control::Release& release);
  void add_as_before(control::Snapshot& snapshot) const;
  io::Task<void> idle(std::string origin, io::Deadline deadline) const;
  io::Task<Result<>> shrink_strangers(unsigned release, io::Deadline deadline);
  std::set<std::string> routed_releases() const;
  std::string pool_prefix() const { return name_.to_string() + "/"; }

  Harbour& harbour_;
  control::EnvironmentName name_;
  supervise::LogBook logs_;
  supervise::CgroupTree cgroups_;
  supervise::Surroundings surroundings_;
  supervise::Services services_;
  std::map<unsigned, std::unique_ptr<supervise::Environment>> releases_;
  std::map<std::string, unsigned> scale_;
  Mode mode_ = Mode::kServing;
  std::vector<ship::Group> routed_;
  bool routed_once_ = false;
};

// "secrets/APP" below the state folder: where ship::Secrets keeps those of an app.
std::filesystem::path secrets_folder(const StateFolders& folders, const std::string& app);

}  // namespace fairlead::cli
