// Carries out what control is asked to do, and answers what it is asked to tell, for all
// environments.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cli/fleet.h"
#include "cli/shipyard.h"
#include "control/orders.h"
#include "ship/deployer.h"
#include "ship/ledger.h"

namespace fairlead::cli {

using control::EnvironmentName;

// An environment: its processes, and what deploys to it.
struct Berth {
  Berth(Harbour& harbour, ship::Ledger& ledger, EnvironmentName name)
      : fleet(harbour, std::move(name)),
        deployer(harbour.loop, ledger, fleet),
        recovered(harbour.loop) {}
  Fleet fleet;
  ship::Deployer deployer;
  io::Event recovered;
  unsigned orders = 0;  // being carried out
};

class OrderDesk {
 public:
  OrderDesk(Harbour& harbour, ship::Ledger& ledger)
      : harbour_(harbour), ledger_(ledger), shipyard_(harbour, ledger) {}

  using Berths = std::map<EnvironmentName, std::unique_ptr<Berth>>;

  Berth& add_berth(const EnvironmentName& name);
  const Berths& berths() const { return berths_; }

  // What control::OrderHandlers want.
  io::Task<void> carry_out(control::Order order, control::Emit emit);
  io::Task<Result<std::string>> read(std::string kind, EnvironmentName name);
  Result<> set_secrets(const EnvironmentName& name,
                       const std::map<std::string, std::optional<std::string>>& values);

 private:
  io::Task<Result<control::Deployment>> deployment_of(control::Order order, control::Emit emit);
  io::Task<Result<std::string>> do_at_once(control::Order order);
  io::Task<Result<std::string>> change_mode(control::Order order);
  io::Task<control::Deployment> build_failed(control::Order order, Error error,
                                             std::vector<std::string> last_lines);
  io::Task<Result<std::optional<control::Deployment>>> build_for(const control::Order& order,
                                                                 const control::Emit& emit,
                                                                 ship::DeployRequest& request);
  io::Task<Result<control::Release>> release_for(const control::Order& order,
                                                 ship::DeployRequest& request);
  io::Task<Result<std::optional<control::Deployment>>> over_migrations(
      control::Order order, ship::DeployRequest& request);
  io::Task<Result<std::string>> list_artifacts();
  io::Task<Result<std::string>> surround(EnvironmentName name);
  io::Task<Result<unsigned>> release_before(EnvironmentName name);
  io::Task<Result<control::Release>> live_of(EnvironmentName name);
  io::Task<Result<control::Deployment>> scale(control::Order order, Berth& berth);
  io::Task<Result<>> scale_to(control::Order order, Fleet& fleet, unsigned release);
  io::Task<Result<>> make_as_wanted(Fleet& fleet, unsigned release);
  Berth& berth_of(const EnvironmentName& name);
  Result<EnvironmentName> complete(EnvironmentName name) const;
  Result<std::string> list_secrets(const EnvironmentName& name) const;

  Harbour& harbour_;
  ship::Ledger& ledger_;
  Shipyard shipyard_;
  Berths berths_;
};

}  // namespace fairlead::cli
