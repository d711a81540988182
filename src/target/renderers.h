// One function for each target; each lives in a file of its name.
#pragma once

#include "target/report.h"
#include "target/target.h"

namespace fairlead::target {

// Adds files and checks to the rendering, and to the report what became of the spec.
using Renderer = Result<> (*)(const config::AppSpec& app, const RenderOptions& options,
                              Rendering& rendering, Report& report);

Result<> render_haproxy(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_nginx(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_systemd(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_compose(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_swarm(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_fail2ban(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_kubernetes(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_dockerfile(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_terraform_ecs(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_terraform_lambda(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_jenkins(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_gitlab(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_github(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_bitbucket(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_prometheus(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_alertmanager(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);
Result<> render_grafana(const config::AppSpec&, const RenderOptions&, Rendering&, Report&);

}  // namespace fairlead::target
