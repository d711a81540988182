// One environment of an app, running: its process types with their replicas, from the typed spec.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/app_spec.h"
#include "control/api.h"
#include "control/snapshot.h"
#include "supervise/replica_set.h"

namespace fairlead::supervise {

using Variables = std::map<std::string, std::string>;

struct EnvironmentSpec {
  config::AppSpec app;
  std::filesystem::path root;  // what the artifact's files are relative to: processes run there
  Variables variables;         // of every process, complete but for what each gets for itself
  std::string version;         // APP_VERSION
  std::string release;         // "v3", or ""
};

class Environment {
 public:
  Environment(const Surroundings& surroundings, EnvironmentSpec spec,
              std::function<void()> on_change);

  // Runs the release command, if there is one, to its end. An error has the exit status; the lines
  // it wrote are in the log "release", the last of them in last_lines().
  io::Task<Result<>> run_release_command(io::Deadline deadline);
  // The same with any command; `name` is that of its log ("release") and in errors. `more` are
  // variables beside those of every process.
  io::Task<Result<>> run_once(std::string name, std::string line, config::Variables more,
                              io::Deadline deadline);
  const std::vector<std::string>& last_lines() const { return last_lines_; }

  // Starts all replicas of all process types; does not wait.
  Result<> start();
  // Starts replicas of one process type until there are `count`; does not wait. kNotFound.
  Result<> grow(std::string_view type, unsigned count);
  // The replicas of that process type; null while none was ever started.
  ReplicaSet* set(std::string_view type);
  io::Task<Result<>> until_ready(io::Deadline deadline);
  // Stops everything; returns when nothing is left.
  io::Task<void> stop();

  // A variable for processes that are started from now on, unless the spec has it.
  void define(const std::string& name, std::string value) {
    spec_.variables.emplace(name, std::move(value));
  }

  const EnvironmentSpec& spec() const { return spec_; }
  // More variables for every process; those that are there stay. Before anything is started.
  void add_variables(Variables more) { spec_.variables.merge(more); }
  // For the edge's snapshot: a pool for each process type that serves.
  std::vector<control::Pool> pools() const;
  control::EnvironmentStatus status() const;
  // What of the spec this machine does not enforce, and why: a sentence each.
  std::vector<std::string> not_enforced() const;
  // The first process that has failed, for its evidence; null if none has.
  const Process* failed() const;
  // The ready replicas of a process type that serves, at most so many; none were ever started: an
  // empty pool.
  control::Pool pool(std::string_view type, unsigned most) const;
  // A command that runs beside the replicas: with all that they have but for PORT and its like.
  Command one_off(const std::string& name, std::string_view line) const {
    return command(name, line, {});
  }
  // The name of the pool of that process type.
  std::string pool_name(std::string_view type) const;

 private:
  Command command(const std::string& name, std::string_view line,
                  const config::Variables& more) const;
  ProcessSpec process_spec(const config::ProcessSpec& type) const;
  ReplicaSet& make_set(const config::ProcessSpec& type);
  control::Pool empty_pool(const config::ProcessSpec& type) const;

  const Surroundings& surroundings_;
  EnvironmentSpec spec_;
  std::function<void()> on_change_;
  std::vector<std::unique_ptr<ReplicaSet>> sets_;
  std::vector<std::string> last_lines_;
};

// Whether HTTP requests are for processes of this type: a route names it, it has a health path, or
// it is called "web".
bool serves(const config::AppSpec& app, const config::ProcessSpec& type);

// PATH for an app's commands: the folders of the artifact that hold programs, then `inherited`.
std::string search_path(const config::AppSpec& app, const std::filesystem::path& root,
                        std::string_view inherited);

// The URL without its password: "postgresql://user:***@host/db".
std::string without_password(std::string_view url);

}  // namespace fairlead::supervise
