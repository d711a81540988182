#include <algorithm>

#include "config/command_line.h"
#include "target/lines.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;

namespace {

// A word as systemd reads it in Environment= and ExecStart= (systemd.syntax(7)): in double quotes,
// '%' doubled; `command`: '$' doubled too, which Environment= takes as it is.
std::string word(std::string_view text, bool command) {
  const auto special = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || std::string_view("\"'\\%$;#").contains(c);
  };
  if (!text.empty() && std::ranges::none_of(text, special)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '%' || (command && c == '$'))
      out += {c, c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out + '"';
}

// systemd would look for a program in folders of its own; env looks along PATH and becomes it.
std::string command_of(std::string_view line) {
  std::string out = "/usr/bin/env";
  for (const auto& argument : config::command_line(line)) out += " " + word(argument, true);
  return out;
}

class Units {
 public:
  Units(const AppSpec& app, Rendering& rendering) : app_(app), rendering_(rendering) {}

  void write() {
    write_target();
    if (!app_.deploy.release_command.empty()) write_release();
    for (const auto& process : app_.processes) write_process(process);
  }

 private:
  void put(const std::string& name, Lines& lines) {
    rendering_.files.push_back({fmt::format("{}{}", app_.name, name), lines.take()});
  }

  Lines begin(std::string_view description) {
    Lines lines;
    lines.comment(made_from(app_, "systemd"));
    lines.blank();
    lines.line("[Unit]");
    lines.line("Description={} ({}): {}", app_.name, app_.environment, description);
    return lines;
  }

  // All replicas together: `systemctl start NAME.target`.
  void write_target() {
    Lines lines = begin("all of it");
    for (const auto& process : app_.processes)
      for (unsigned i = 1; i <= process.replicas; ++i)
        lines.line("Wants={}-{}@{}.service", app_.name, process.name, port_of(app_, process, i));
    lines.blank();
    lines.line("[Install]");
    lines.line("WantedBy=multi-user.target");
    put(".target", lines);
  }

  void write_release() {
    Lines lines = begin("release command");
    lines.line("After=network-online.target");
    lines.line("Wants=network-online.target");
    lines.blank();
    lines.line("[Service]");
    lines.line("Type=oneshot");
    lines.line("RemainAfterExit=yes");
    lines.line("ExecStart={}", command_of(app_.deploy.release_command));
    write_surroundings(lines, variables_of(app_, nullptr));
    put("-release.service", lines);
  }

  // The instance is the port: NAME-web@20001.service.
  void write_process(const ProcessSpec& process) {
    Lines lines = begin(fmt::format("{} on port %i", process.name));
    lines.line("PartOf={}.target", app_.name);
    if (!app_.deploy.release_command.empty()) {
      lines.line("Requires={}-release.service", app_.name);
      lines.line("After={}-release.service", app_.name);
    } else {
      lines.line("After=network-online.target");
      lines.line("Wants=network-online.target");
    }
    lines.comment("A crash loop ends in the state \"failed\" rather than in a busy machine.");
    lines.line("StartLimitIntervalSec=60");
    lines.line("StartLimitBurst=5");
    lines.blank();
    lines.line("[Service]");
    lines.line("ExecStart={}", command_of(process.command));
    lines.line("Restart=always");
    lines.line("RestartSec=1");
    lines.line("KillSignal=SIGTERM");
    lines.line("TimeoutStopSec={}", seconds(process.stop_timeout));
    if (process.memory > 0) {
      lines.line("MemoryMax={}", process.memory);
      lines.line("MemorySwapMax=0");
    }
    if (process.cpu_millis > 0) lines.line("CPUQuota={}%", (process.cpu_millis + 9) / 10);
    auto variables = variables_of(app_, &process);
    variables.emplace_back("HOST", "127.0.0.1");
    write_surroundings(lines, variables);
    lines.line("Environment=PORT=%i");
    put(fmt::format("-{}@.service", process.name), lines);
  }

  void write_surroundings(Lines& lines, const config::Variables& variables) {
    lines.comment("The artifact is unpacked here.");
    lines.line("WorkingDirectory=/srv/{}", app_.name);
    lines.line("Environment={}", word(fmt::format("PATH={}", path()), false));
    for (const auto& [name, value] : variables)
      lines.line("Environment={}", word(fmt::format("{}={}", name, value), false));
    if (!app_.secrets.names.empty() || !app_.services.empty()) {
      std::string names;
      for (const auto& secret : app_.secrets.names) names += " " + secret;
      for (const auto& service : app_.services)
        names += fmt::format(" {}", config::url_variable(service.type));
      lines.comment(fmt::format("NAME=value a line, mode 0600, for:{}", names));
      lines.line("EnvironmentFile=/etc/{}/secrets.env", app_.name);
    }
    lines.comment("A user of its own, who can write to /var/lib/NAME and /tmp alone.");
    lines.line("DynamicUser=yes");
    lines.line("StateDirectory={}", app_.name);
    lines.line("NoNewPrivileges=yes");
    lines.line("ProtectSystem=strict");
    lines.line("ProtectHome=yes");
    lines.line("PrivateTmp=yes");
    lines.line("PrivateDevices=yes");
    lines.line("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6");
    lines.line("CapabilityBoundingSet=");
  }

  // Where the artifact's programs are: the folders that files of `include` are in.
  std::string path() const {
    std::string path;
    for (const auto& folder : program_folders(app_))
      path += fmt::format("/srv/{}{}{}:", app_.name, folder.empty() ? "" : "/", folder);
    return path + "/usr/local/bin:/usr/bin:/bin";
  }

  const AppSpec& app_;
  Rendering& rendering_;
};

}  // namespace

Result<> render_systemd(const AppSpec& app, const RenderOptions&, Rendering& rendering,
                        Report& report) {
  Units(app, rendering).write();
  std::vector<std::string> check = {"systemd-analyze", "verify"};
  for (const auto& file : rendering.files) check.push_back("./" + file.path);
  rendering.checks.push_back(std::move(check));

  report.carried("processes.NAME.command", "ExecStart, without a shell where it needs none");
  report.carried("processes.NAME.replicas", "an instance each, named by its port");
  report.carried("processes.NAME.memory, cpu", "MemoryMax and CPUQuota, held by the unit's cgroup");
  report.carried("processes.NAME.stop_timeout", "SIGTERM, then SIGKILL");
  report.carried("env", "Environment lines");
  if (!app.deploy.release_command.empty())
    report.differs("deploy.release_command",
                   "a unit of its own, before the replicas; run again by 'systemctl restart'");
  report.differs(
      "processes.NAME.health, start_timeout",
      "systemd asks nobody: the proxy in front does, and a replica that hangs is not restarted");
  if (!app.secrets.names.empty())
    report.differs("secrets",
                   fmt::format("read from /etc/{}/secrets.env, which you write", app.name));
  for (const auto& service : app.services)
    report.missing(
        fmt::format("services.{}", service.name),
        fmt::format("install {} by your distribution and put {} into secrets.env",
                    config::to_string(service.type), config::url_variable(service.type)));
  report.missing(
      "routes",
      "'fairlead render haproxy' or 'fairlead render nginx' puts a proxy before these ports");
  report.missing("build", "unpack the artifact into /srv/" + app.name);
  report.missing(
      "deploy",
      "restarting the target interrupts what its replicas are doing: restart instances one by one");
  return {};
}

}  // namespace fairlead::target
