// A Dockerfile, for those who have an engine build the image. 'fairlead image' needs none of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "config/command_line.h"
#include "target/containers.h"
#include "target/lines.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;

namespace {

// Debian's slim image has bash, and nothing that speaks HTTP.
constexpr std::string_view kProbe =
    R"(exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET {} HTTP/1.0\r\n\r\n' >&3 && read -r _ status _ <&3 && [[ $status == 2* ]])";
constexpr std::string_view kAccepts = "exec 3<>/dev/tcp/127.0.0.1/$PORT";

// What fairlead-launch is in images that 'fairlead image' makes, as a script (src/launch).
constexpr std::string_view kLaunch[] = {
    "#!/bin/bash",
    "# Secrets that are files become variables; SIGTERM is passed on FAIRLEAD_DRAIN seconds later.",
    "for file in /run/secrets/*; do",
    "  name=${file##*/}",
    "  [[ -f $file && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ && ! -v $name ]] && export "
    "\"$name=$(<\"$file\")\"",
    "done",
    "for name in $(compgen -e); do",
    "  while [[ ${!name} =~ \\{secret:([A-Za-z0-9_]+)\\} ]]; do",
    "    secret=${BASH_REMATCH[1]}",
    "    export \"$name=${!name/\"${BASH_REMATCH[0]}\"/${!secret}}\"",
    "  done",
    "done",
    "\"$@\" &",
    "command=$!",
    "trap 'sleep \"${FAIRLEAD_DRAIN:-0}\"; kill -TERM $command' TERM",
    "trap 'kill -INT $command' INT",
    "while wait $command; status=$?; kill -0 $command 2>/dev/null; do :; done",
    "exit $status"};

// As a word of /bin/sh.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string exec_form(const std::vector<std::string>& words) {
  return nlohmann::json(words).dump();
}

// A value of ENV or LABEL: in double quotes, where '$' and '\' mean something.
std::string value_of(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '$') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string image_path(const std::vector<std::string>& folders) {
  std::string path;
  for (const auto& folder : folders) path += fmt::format("/app/{}:", folder);
  return path + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

void install(Lines& out, std::string_view argument, std::string_view what) {
  out.comment(what);
  out.line("ARG {}=\"\"", argument);
  out.line(
      "RUN [ -z \"${0}\" ] || {{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install "
      "-y --no-install-recommends ${0} && rm -rf /var/lib/apt/lists/*; }}",
      argument);
}

void write_build(Lines& out, const AppSpec& app) {
  out.line("FROM debian:bookworm-slim AS build");
  install(out, "BUILD_PACKAGES",
          "Debian packages that building needs: --build-arg BUILD_PACKAGES=\"cmake g++\"");
  out.line("WORKDIR /src");
  out.line("COPY . .");
  // Through a shell of its own, so that every character is the user's own.
  if (!app.build.command.empty())
    out.line("RUN {}", exec_form({"/bin/sh", "-c", app.build.command}));
  out.blank();
}

void write_rest(Lines& out, const AppSpec& app) {
  const auto* web = app.process("web");
  if (!web && !app.processes.empty()) web = &app.processes.front();
  out.line("FROM debian:bookworm-slim");
  install(out, "RUNTIME_PACKAGES",
          "Debian packages that running needs: --build-arg RUNTIME_PACKAGES=\"libpq5 "
          "ca-certificates\"");
  out.line("WORKDIR /app");
  if (app.build.include.empty()) out.line("COPY --from=build /src/ ./");
  for (const auto& entry : app.build.include)
    out.line("COPY --from=build {}", exec_form({"/src/" + entry, "./" + entry}));
  std::string script;
  for (const auto line : kLaunch) script += " " + shell_word(line);
  out.comment("Process 1.");
  out.line(
      "RUN mkdir -p /fairlead /data && chmod 1777 /data && printf '%s\\n'{} > /fairlead/launch "
      "&& chmod 755 /fairlead/launch",
      script);
  out.line("ARG BUILD_NUMBER=0");
  out.line("ARG COMMIT=\"\"");
  out.line("ENV PATH={} HOME=/data HOST=0.0.0.0 PORT={} APP_VERSION=\"{}+build.$BUILD_NUMBER\"",
           value_of(image_path(program_folders(app))), kContainerPort, app.version);
  out.line("LABEL org.opencontainers.image.title={} \\", value_of(app.name));
  out.line("      org.opencontainers.image.version=\"{}+build.$BUILD_NUMBER\" \\", app.version);
  out.line(
      "      org.opencontainers.image.revision=\"$COMMIT\" dev.fairlead.build=\"$BUILD_NUMBER\"");
  out.line("USER 10001:10001");
  out.line("EXPOSE {}", kContainerPort);
  if (web) {
    const auto probe = web->health.empty() ? std::string(kAccepts)
                                           : fmt::format(fmt::runtime(kProbe), web->health);
    out.line("HEALTHCHECK --interval=2s --timeout=3s --start-period=30s --retries=3 CMD {}",
             exec_form({"bash", "-c", probe}));
    out.line("ENTRYPOINT [\"/fairlead/launch\"]");
    out.line("CMD {}", exec_form(config::command_line(web->command)));
  }
}

}  // namespace

Result<> render_dockerfile(const AppSpec& app, const RenderOptions&, Rendering& rendering,
                           Report& report) {
  Lines out;
  out.comment(made_from(app, "dockerfile"));
  out.comment(fmt::format("docker build -f Dockerfile -t {}:{} --build-arg BUILD_NUMBER=1 {}",
                          app.name, app.version, app.build.root));
  out.blank();
  write_build(out, app);
  write_rest(out, app);
  rendering.files.push_back({"Dockerfile", out.take()});

  report.carried("build.command, include",
                 "in a container of its own; only what is included goes on");
  report.differs("build.root",
                 "the folder that is given to 'docker build'; a .dockerignore is yours");
  report.differs("packages",
                 "what the build and the program need of Debian are two build arguments");
  report.carried("processes.NAME.command", "that of 'web' unless the engine names another");
  report.carried("processes.NAME.health", "a HEALTHCHECK by bash");
  report.carried("version", "with the build number, as label and APP_VERSION");
  report.missing("routes, limits, cache", "an image has none: an engine and the edge in front do");
  return {};
}

}  // namespace fairlead::target
