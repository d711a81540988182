// From a folder, or an earlier artifact, to a release in the ledger.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "cli/fleet.h"
#include "control/orders.h"
#include "ship/ledger.h"

namespace fairlead::cli {

class Shipyard {
 public:
  Shipyard(Harbour& harbour, ship::Ledger& ledger);

  // Reads the folder's fairlead.toml: which environment the order is about.
  Result<control::EnvironmentName> environment_of(const control::Order& order) const;
  // What can be known before the build, which takes the longest: the file is right, every secret is
  // set.
  Result<> check(const control::Order& order) const;
  // What a deployment of the folder would change, a line each; nothing when it would make the same
  // release again.
  io::Task<Result<std::vector<std::string>>> plan(control::Order order);
  // Builds (or finds the artifact that the order names). The output goes to `emit` and to
  // logs/APP/builds/N.log. kInvalid when the build fails.
  io::Task<Result<control::Build>> build(control::Order order, control::Emit emit);
  // Adds a release of that build.
  io::Task<Result<control::Release>> make_release(control::Order order, control::Build build);
  // Removes artifacts and secret values that no release which can be rolled back to needs: of each
  // environment the live release and `spare` others are kept. Without `spare`: as many, up to 10,
  // as the quota for artifacts allows ($FAIRLEAD_ARTIFACTS_QUOTA bytes, 10 GiB).
  io::Task<Result<ship::CleanUp>> clean_up(std::optional<unsigned> spare = {});

 private:
  struct App {
    config::AppSpec spec;
    std::string text;  // the whole file, with the Procfile's process types written out
  };
  Result<App> load(const control::Order& order) const;
  io::Task<Result<control::Build>> run_build(const App& app, const control::Emit& emit);
  io::Task<Result<ship::CleanUp>> keep(unsigned spare);
  io::Task<Result<control::Build>> find(const App& app, std::string digest);
  Result<std::map<std::string, unsigned>> pin_secrets(const config::AppSpec& spec) const;

  Harbour& harbour_;
  ship::Ledger& ledger_;
  supervise::CgroupTree cgroups_;
  std::set<std::string> building_;  // apps: two builds at once would share a copy
  std::uint64_t builds_begun_ = 0;
};

}  // namespace fairlead::cli
