#include <fmt/format.h>

#include "target/haproxy_config.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

Result<> render_haproxy(const config::AppSpec& app, const RenderOptions& options,
                        Rendering& rendering, Report& report) {
  const auto servers = [&](const config::ProcessSpec& process) {
    std::vector<std::string> lines;
    for (unsigned i = 1; i <= process.replicas; ++i)
      lines.push_back(
          fmt::format("server {0}-{1} 127.0.0.1:{2}", process.name, i, port_of(app, process, i)));
    return lines;
  };
  rendering.files.push_back(
      {"haproxy.cfg",
       haproxy_config(app,
                      {.bind = fmt::format("*:{}", options.http_port),
                       .preamble = {made_from(app, "haproxy"),
                                    "Replicas listen on the ports that 'fairlead render systemd' "
                                    "gives them."},
                       .resolvers = {},
                       .servers = servers})});
  rendering.checks.push_back({"haproxy", "-c", "-f", "haproxy.cfg"});

  report.carried("processes.NAME.replicas", "one server line each, on 127.0.0.1");
  report.carried("processes.NAME.balance", "roundrobin or leastconn");
  report_haproxy_routes(app, report);
  report.missing("processes, services, env, secrets",
                 "HAProxy starts no program: 'fairlead render systemd' does for this machine");
  report.missing("deploy",
                 "a replica that is stopped is noticed by its health check, after up to 4 s");
  return {};
}

}  // namespace fairlead::target
