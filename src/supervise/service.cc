#include "supervise/service.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "io/stream.h"
#include "supervise/listening.h"

namespace fairlead::supervise {

namespace fs = std::filesystem;
using config::ServiceType;

namespace {

constexpr Duration kStartTime = 60s;  // recovery after a crash included
constexpr Duration kStopTime = 60s;   // a checkpoint may have much to write

Result<std::string> new_password() {
  unsigned char bytes[24];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return fail_errno("getrandom");
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// What a small file says; "" when there is none.
std::string first_line(const fs::path& file) {
  const std::string text = read_file(file).value_or("");
  return text.substr(0, text.find('\n'));
}

bool can_run(const fs::path& file) { return ::access(file.c_str(), X_OK) == 0; }

}  // namespace

// Whom it runs as: PostgreSQL refuses root, and a store need not be root either.
struct Service::User {
  uid_t uid = 0;  // 0: as we are
  gid_t gid = 0;

  Result<> own(const fs::path& path) const {
    if (uid != 0 && ::chown(path.c_str(), uid, gid) != 0)
      return fail_errno(fmt::format("cannot hand over {}", path.string()));
    return {};
  }
};

Service::Service(const Surroundings& surroundings, fs::path folder, std::string app,
                 config::ServiceSpec spec)
    : surroundings_(surroundings),
      folder_(std::move(folder)),
      app_(std::move(app)),
      spec_(std::move(spec)) {}

Result<Service::User> Service::user() const {
  if (::geteuid() != 0) return User{};
  for (const char* name : {spec_.type == ServiceType::kPostgresql ? "postgres" : "redis", "nobody"})
    if (const passwd* found = ::getpwnam(name)) return User{found->pw_uid, found->pw_gid};
  return fail(Error(Code::kNotFound, fmt::format("there is no user to run {} as", spec_.name))
                  .hint("root does not run databases: add a user 'postgres', or start Fairlead as "
                        "another user"));
}

// PostgreSQL's programs are not in PATH but in a folder for each major version. Data belongs to the
// version that made it.
Result<std::string> Service::program(std::string_view name) const {
  if (spec_.type == ServiceType::kRedis) {
    const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "/usr/local/bin:/usr/bin";
    for (const auto folder : split(path, ':'))
      if (const auto file = fs::path(folder) / name; can_run(file)) return file.string();
    return fail(Error(Code::kNotFound, fmt::format("{} is not installed", name))
                    .hint("apt install redis-server"));
  }
  const std::string version = first_line(data() / "PG_VERSION");
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored))
    if (const auto file = entry.path() / "bin" / name; can_run(file))
      found.emplace_back(parse_unsigned(entry.path().filename().native()).value_or(0), file);
  std::ranges::sort(found);
  for (const auto& [number, file] : found)
    if (std::to_string(number) == version) return file.string();
  if (!version.empty())
    return fail(Error(Code::kNotFound, fmt::format("{} is data of PostgreSQL {}, which is not "
                                                   "installed",
                                                   data().string(), version))
                    .hint(fmt::format("apt install postgresql-{}", version)));
  if (!found.empty()) return found.back().second.string();
  return fail(Error(Code::kNotFound, "PostgreSQL is not installed").hint("apt install postgresql"));
}

// The user it runs as must get to its data: every folder above is made passable, not readable, as
// far down as it is ours.
Result<> Service::let_in(const User& user) const {
  if (user.uid == 0) return {};
  for (fs::path above = folder_; above.has_relative_path(); above = above.parent_path()) {
    struct stat status{};
    if (::stat(above.c_str(), &status) != 0) return fail_errno(above.string());
    if ((status.st_mode & 1) != 0) continue;
    if (status.st_uid != ::geteuid() || ::chmod(above.c_str(), (status.st_mode & 07777) | 1) != 0)
      return fail(Error(Code::kDenied, fmt::format("{} keeps the user of the service {} out",
                                                   above.string(), spec_.name))
                      .hint(fmt::format("chmod o+x {}", above.string())));
  }
  return {};
}

Result<> Service::choose_port() {
  const auto kept = parse_unsigned(first_line(folder_ / "port"));
  if (kept && *kept > 0 && *kept < 65536) {
    port_ = static_cast<std::uint16_t>(*kept);
    const bool ours = surroundings_.adopt && find_running(surroundings_.folder, spec_.name);
    TRY(const auto address, io::Address::ip("127.0.0.1", port_));
    if (ours || io::listen(address)) return {};
  }
  port_ = free_port();
  return write_file_atomically(folder_ / "port", fmt::format("{}\n", port_), 0600);
}

io::Task<Result<>> Service::start(io::Deadline deadline) {
  CO_TRY_VOID(make_directories(folder_, 0700));
  CO_TRY(const User owner, user());
  CO_TRY_VOID(let_in(owner));
  CO_TRY_VOID(choose_port());
  if (!fs::exists(folder_ / "made")) {
    if (auto made = co_await make(owner, deadline); !made)
      co_return fail(
          std::move(made).error().in(fmt::format("cannot make the service {}", spec_.name)));
  }
  CO_TRY(password_, read_file(folder_ / "password"));
  if (spec_.type == ServiceType::kRedis) CO_TRY_VOID(make_redis(owner));
  CO_TRY(auto process, process_spec(owner));
  process_ = std::make_unique<Process>(surroundings_, std::move(process));
  co_return process_->start();
}

io::Task<void> Service::stop() {
  if (process_) co_await process_->stop();
}

io::Task<Result<>> Service::make(const User& owner, io::Deadline deadline) {
  std::error_code error;
  fs::remove_all(data(), error);  // cut off while it was made: nobody has used it yet
  CO_TRY_VOID(make_directories(data(), 0700));
  CO_TRY_VOID(owner.own(data()));
  CO_TRY(password_, new_password());
  CO_TRY_VOID(write_file_atomically(folder_ / "password", password_, 0600));
  if (spec_.type == ServiceType::kPostgresql)
    CO_TRY_VOID(co_await make_postgresql(owner, deadline));
  co_return write_file_atomically(folder_ / "made", "", 0600);
}

// A cluster with one user and one database for the app. Its superuser has a password that nobody
// knows, and is there for those who may read the data anyway.
io::Task<Result<>> Service::make_postgresql(const User& owner, io::Deadline deadline) {
  CO_TRY(const std::string superuser, new_password());
  const fs::path secret = folder_ / "superuser", script = folder_ / "first.sql";
  CO_TRY_VOID(write_file_atomically(secret, superuser, 0600));
  CO_TRY_VOID(owner.own(secret));
  const auto run = [&](std::vector<std::string> argv, int input) {
    return io::run_command(surroundings_.loop,
                           {.argv = std::move(argv),
                            .environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"},
                            .directory = data(),
                            .stdin_fd = input,
                            .uid = owner.uid,
                            .gid = owner.gid},
                           deadline);
  };
  CO_TRY(const std::string initdb, program("initdb"));
  CO_TRY(const auto cluster,
         co_await run({initdb, "-D", data(), "-U", "postgres", "-A", "scram-sha-256",
                       "--pwfile=" + secret.string(), "-E", "UTF8", "--locale=C.UTF-8"},
                      -1));
  if (!cluster.status.success())
    co_return fail(Code::kUnavailable, fmt::format("initdb: {}", trim(cluster.err)));
  // Before it listens anywhere. A line is a statement here.
  CO_TRY_VOID(write_file_atomically(
      script,
      fmt::format(
          "CREATE ROLE \"{0}\" LOGIN PASSWORD '{1}'\nCREATE DATABASE \"{0}\" OWNER \"{0}\"\n", app_,
          password_),
      0600));
  const UniqueFd input(::open(script.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input) co_return fail_errno(script.string());
  CO_TRY(const std::string postgres, program("postgres"));
  CO_TRY(const auto first,
         co_await run({postgres, "--single", "-D", data(), "postgres"}, input.get()));
  std::error_code ignored;
  fs::remove(script, ignored);
  if (!first.status.success() || first.err.find("ERROR:") != std::string::npos)
    co_return fail(Code::kUnavailable, fmt::format("postgres --single: {}", trim(first.err)));
  co_return Result<>();
}

// Its password in a file, not in its arguments, which everybody may see.
Result<> Service::make_redis(const User& owner) {
  const fs::path file = folder_ / "redis.conf";
  TRY_VOID(write_file_atomically(
      file,
      fmt::format("bind 127.0.0.1\nport {}\nrequirepass {}\ndir {}\nappendonly yes\n"
                  "appendfsync everysec\ndaemonize no\nlogfile \"\"\nprotected-mode yes\n",
                  port_, password_, data().string()),
      0600));
  return owner.own(file);
}

Result<ProcessSpec> Service::process_spec(const User& owner) const {
  ProcessSpec spec;
  spec.type = config::to_string(spec_.type);
  TRY(spec.address, io::Address::ip("127.0.0.1", port_));
  spec.start_timeout = kStartTime;
  spec.stop_timeout = kStopTime;
  Command& command = spec.command;
  command.name = spec_.name;
  command.directory = data();
  command.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  command.uid = owner.uid;
  command.gid = owner.gid;
  command.isolate = false;
  if (spec_.type == ServiceType::kRedis) {
    spec.protocol = Protocol::kRedis;
    TRY(const std::string server, program("redis-server"));
    command.argv = {server, folder_ / "redis.conf"};
    return spec;
  }
  spec.protocol = Protocol::kPostgresql;
  TRY(const std::string server, program("postgres"));
  command.argv = {server,
                  "-D",
                  data(),
                  "-c",
                  "listen_addresses=127.0.0.1",
                  "-c",
                  fmt::format("port={}", port_),
                  "-c",
                  "unix_socket_directories="};
  command.stop_signal = SIGINT;  // "fast": does not wait for clients
  return spec;
}

std::string Service::url() const {
  return spec_.type == ServiceType::kPostgresql
             ? fmt::format("postgresql://{0}:{1}@127.0.0.1:{2}/{0}", app_, password_, port_)
             : fmt::format("redis://default:{}@127.0.0.1:{}/0", password_, port_);
}

control::ProcessStatus Service::status() const {
  return process_ ? process_->status() : control::ProcessStatus{.name = spec_.name};
}

// ---- all of an environment

Services::Services(const Surroundings& surroundings, fs::path runtime, fs::path folder,
                   std::string app)
    : surroundings_(surroundings), folder_(std::move(folder)), app_(std::move(app)) {
  surroundings_.folder = std::move(runtime);
}

io::Task<Result<>> Services::ensure(std::vector<config::ServiceSpec> wanted,
                                    io::Deadline deadline) {
  for (const auto& spec : wanted) {
    const bool known = std::ranges::any_of(
        services_, [&](const auto& service) { return service->spec().name == spec.name; });
    if (known) continue;
    CO_TRY_VOID(make_directories(surroundings_.folder, 0700));
    auto service = std::make_unique<Service>(surroundings_, folder_ / spec.name, app_, spec);
    CO_TRY_VOID(co_await service->start(deadline));
    services_.push_back(std::move(service));
  }
  for (auto& service : services_)
    if (auto ready = co_await service->until_ready(deadline); !ready)
      co_return fail(std::move(ready).error().in(fmt::format("service {}", service->spec().name)));
  co_return Result<>();
}

std::map<std::string, std::string> Services::variables() const {
  std::map<std::string, std::string> variables;
  for (const auto& service : services_)
    variables.emplace(config::url_variable(service->spec().type), service->url());
  return variables;
}

std::vector<control::ProcessStatus> Services::statuses() const {
  std::vector<control::ProcessStatus> statuses;
  for (const auto& service : services_) statuses.push_back(service->status());
  return statuses;
}

const Process* Services::failed() const {
  for (const auto& service : services_)
    if (const auto* process = service->process(); process && process->failure()) return process;
  return nullptr;
}

io::Task<void> Services::stop() {
  for (auto& service : services_) co_await service->stop();
}

std::vector<config::ServiceSpec> missing_services(
    const config::AppSpec& app, const std::map<std::string, std::string>& variables) {
  std::vector<config::ServiceSpec> missing;
  for (const auto& service : app.services)
    if (!variables.contains(std::string(config::url_variable(service.type))))
      missing.push_back(service);
  return missing;
}

}  // namespace fairlead::supervise
