#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "target/edge_only.h"
#include "target/renderers.h"

namespace fairlead::target {
namespace {

struct Entry {
  Target target;
  Renderer render;
  bool our_edge = false;  // in front there too, so that all it can do comes along
};

constexpr auto kEntries = std::to_array<Entry>({
    {{"haproxy", "HAProxy in front of replicas on the same machine"}, render_haproxy},
    {{"nginx", "nginx in front of replicas on the same machine"}, render_nginx},
    {{"systemd", "Units of systemd, one for each replica"}, render_systemd},
    {{"compose", "Docker Compose, the edge in front"}, render_compose, true},
    {{"swarm", "A stack for Docker Swarm, the edge in front"}, render_swarm, true},
    {{"kubernetes", "Manifests for Kubernetes, put together by kustomize"},
     render_kubernetes,
     true},
    {{"dockerfile", "An image built by an engine"}, render_dockerfile},
    {{"terraform-ecs", "AWS by Terraform: containers on Fargate behind a load balancer"},
     render_terraform_ecs},
    {{"terraform-lambda", "AWS by Terraform: a function behind CloudFront, data in DynamoDB"},
     render_terraform_lambda},
    {{"jenkins", "A scripted pipeline for Jenkins"}, render_jenkins},
    {{"gitlab", "A pipeline for GitLab CI"}, render_gitlab},
    {{"github", "A workflow for GitHub Actions"}, render_github},
    {{"bitbucket", "A pipeline for Bitbucket"}, render_bitbucket},
    {{"fail2ban", "Filter and jails for fail2ban, which reads the guard's log"}, render_fail2ban},
    {{"prometheus", "What Prometheus scrapes, and the alert rules in its language"},
     render_prometheus},
    {{"alertmanager", "Who Alertmanager tells"}, render_alertmanager},
    {{"grafana", "A dashboard for Grafana over Prometheus"}, render_grafana},
});

constexpr auto kTargets = [] {
  std::array<Target, kEntries.size()> targets;
  std::ranges::transform(kEntries, targets.begin(), &Entry::target);
  return targets;
}();

Error no_target(std::string_view name) {
  std::vector<std::string_view> names;
  std::string all;
  for (const auto& target : kTargets) {
    names.push_back(target.name);
    all += (all.empty() ? "" : ", ") + std::string(target.name);
  }
  const auto near = name.size() > 64 ? std::nullopt : nearest(name, names);
  return Error(Code::kNotFound, fmt::format("there is no target '{}'", name))
      .hint(near ? fmt::format("did you mean '{}'?", *near) : "there are: " + all);
}

}  // namespace

std::span<const Target> targets() { return kTargets; }

Result<Rendering> render(std::string_view target, const config::AppSpec& app,
                         const RenderOptions& options) {
  const auto entry =
      std::ranges::find(kEntries, target, [](const Entry& e) { return e.target.name; });
  if (entry == kEntries.end()) return fail(no_target(target));
  Rendering rendering;
  Report report;
  const config::AppSpec rest = entry->our_edge ? app : without_edge_only(app, report);
  TRY_VOID(entry->render(rest, options, rendering, report));
  rendering.notes = report.notes();
  rendering.files.push_back({"FIDELITY.md", report.to_markdown(app, entry->target)});
  return rendering;
}

}  // namespace fairlead::target
