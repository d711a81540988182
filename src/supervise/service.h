// A backing PostgreSQL or Redis that Fairlead runs for an app: made when it is not there yet, then
// kept running like a replica. It listens on 127.0.0.1 alone, with a password of its own.
//
//   DIR/data        what it stores: the only thing here that cannot be made again
//   DIR/password    of the app's user, mode 0600
//   DIR/port        where it listens, the same after each start unless somebody took it
//   DIR/made        written last: without it, what is there was cut off while it was being made
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/app_spec.h"
#include "supervise/process.h"

namespace fairlead::supervise {

class Service {
 public:
  // `folder` is DIR; `app` names the database and its user. The surroundings outlive it.
  Service(const Surroundings& surroundings, std::filesystem::path folder, std::string app,
          config::ServiceSpec spec);

  // Makes what is missing and starts it; takes over one that an earlier control has started. Once.
  // kNotFound when its programs are not installed, with the package that has them.
  io::Task<Result<>> start(io::Deadline deadline);
  // Waits until it takes connections: not before its recovery after a crash is done.
  io::Task<Result<>> until_ready(io::Deadline deadline) { return process_->until_ready(deadline); }
  // As the kind of service wants it: what was acknowledged is on disk.
  io::Task<void> stop();

  const config::ServiceSpec& spec() const { return spec_; }
  std::string url() const;  // with the password; after start()
  control::ProcessStatus status() const;
  const Process* process() const { return process_.get(); }

 private:
  struct User;
  Result<User> user() const;
  Result<> choose_port();
  Result<> let_in(const User& user) const;
  io::Task<Result<>> make(const User& user, io::Deadline deadline);
  io::Task<Result<>> make_postgresql(const User& user, io::Deadline deadline);
  Result<> make_redis(const User& user);
  Result<std::string> program(std::string_view name) const;
  Result<ProcessSpec> process_spec(const User& user) const;
  std::filesystem::path data() const { return folder_ / "data"; }

  const Surroundings& surroundings_;
  std::filesystem::path folder_;
  std::string app_;
  config::ServiceSpec spec_;
  std::string password_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

// All services of one environment.
class Services {
 public:
  // `folder` holds one folder each. `runtime` is where their records and FIFOs are: nothing else.
  Services(const Surroundings& surroundings, std::filesystem::path runtime,
           std::filesystem::path folder, std::string app);

  // Starts those that do not run yet, and waits until all of them are ready.
  io::Task<Result<>> ensure(std::vector<config::ServiceSpec> wanted, io::Deadline deadline);
  // The addresses as the app gets them: DATABASE_URL, REDIS_URL.
  std::map<std::string, std::string> variables() const;
  std::vector<control::ProcessStatus> statuses() const;
  // The first that has failed; null if none has.
  const Process* failed() const;
  io::Task<void> stop();

 private:
  Surroundings surroundings_;
  std::filesystem::path folder_;
  std::string app_;
  std::vector<std::unique_ptr<Service>> services_;
};

// Those whose variable is not among `variables`: a database elsewhere needs none here.
std::vector<config::ServiceSpec> missing_services(
    const config::AppSpec& app, const std::map<std::string, std::string>& variables);

}  // namespace fairlead::supervise
