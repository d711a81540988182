#include "cli/install.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "control/client.h"
#include "io/child.h"
#include "io/loop.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

// KillMode: edge and replicas go on while control is started anew, and the next control takes them
// over; so a restart, also with another binary, costs no request. Delegate: their cgroups are below
// the unit's.
constexpr std::string_view kUnit = R"([Unit]
Description=Fairlead: edge, deployments and supervision of apps
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={program} serve --state {state}
Restart=always
RestartSec=1
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TimeoutStopSec=30

[Install]
WantedBy=multi-user.target
)";

fs::path unit_file(const InstallOptions& options) {
  return fs::path(options.root) / "etc/systemd/system/fairlead.service";
}

fs::path state_of(const InstallOptions& options) {
  return options.state.empty() ? fs::path("/var/lib/fairlead") : fs::absolute(options.state);
}

bool systemd_runs(const InstallOptions& options) {
  std::error_code ignored;
  return options.root == "/" && fs::is_directory("/run/systemd/system", ignored);
}

Result<> systemctl(std::vector<std::string> words) {
  TRY(const auto loop, io::Loop::create());
  words.insert(words.begin(), "systemctl");
  TRY(const auto done,
      io::block_on(*loop,
                   io::run_command(*loop, {.argv = words, .environment = {"PATH=/usr/bin:/bin"}},
                                   io::Deadline::in(60s))));
  if (done.status.success()) return {};
  return fail(Code::kUnavailable, fmt::format("{}: {}", fmt::join(words, " "), done.err));
}

Result<> install(const InstallOptions& options) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(Error::system("/proc/self/exe", error.value()));
  const std::string unit = fmt::format(fmt::runtime(kUnit), fmt::arg("program", program.string()),
                                       fmt::arg("state", state_of(options).string()));
  if (options.print) {
    fmt::print("{}", unit);
    return {};
  }
  const fs::path file = unit_file(options);
  TRY_VOID(make_directories(file.parent_path()));
  auto written = write_file_atomically(file, unit);
  if (!written) return fail(std::move(written).error().hint("run it as root"));
  fmt::print("written: {}\n", file.string());
  if (!systemd_runs(options)) {
    fmt::print("systemd does not run here: nothing is started\n");
    return {};
  }
  TRY_VOID(systemctl({"daemon-reload"}));
  TRY_VOID(systemctl({"enable", "--now", "fairlead.service"}));
  fmt::print("started; state is in {}\n", state_of(options).string());
  return {};
}

Result<> uninstall(const InstallOptions& options) {
  const fs::path file = unit_file(options);
  std::error_code error;
  if (!fs::exists(file, error))
    return fail(Code::kNotFound, fmt::format("{} is not there", file.string()));
  if (systemd_runs(options)) TRY_VOID(systemctl({"disable", "fairlead.service"}));
  // Control ends everything that it runs; systemd alone would end control and leave the rest.
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders_of(state_of(options)).control_socket());
  if (io::block_on(*loop, client.stop(io::Deadline::in(10s))))
    fmt::print("edge and replicas are stopped\n");
  if (systemd_runs(options)) TRY_VOID(systemctl({"stop", "fairlead.service"}));
  fs::remove(file, error);
  if (error) return fail(Error::system(file.string(), error.value()));
  if (systemd_runs(options)) TRY_VOID(systemctl({"daemon-reload"}));
  fmt::print("removed: {}; what was deployed stays in {}\n", file.string(),
             state_of(options).string());
  return {};
}

int status_of(const Result<>& done) {
  if (!done) print_error(done.error());
  return done ? 0 : 1;
}

}  // namespace

int run_install(const InstallOptions& options) { return status_of(install(options)); }
int run_uninstall(const InstallOptions& options) { return status_of(uninstall(options)); }

}  // namespace fairlead::cli
