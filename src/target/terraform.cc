// Two stacks for AWS. What is the same for every app is Terraform of its own
// (src/target/terraform); what is the app's stands in app.tf, as locals.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/command_line.h"
#include "config/values.h"
#include "embedded_terraform.h"
#include "target/hcl.h"
#include "target/lines.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::ServiceType;

namespace {

constexpr unsigned kDrainSeconds = 10;  // the load balancer asks every 5 s
constexpr unsigned kLambdaMegabytes = 256;

void add_files(std::string_view stack, Rendering& rendering) {
  for (const auto& [path, text] : k_terraform)
    if (path.starts_with(stack))
      rendering.files.push_back({std::string(path.substr(stack.size())), std::string(text)});
  rendering.checks.push_back({"terraform", "fmt", "-check", "-recursive"});
}

Error refused(const AppSpec& app, config::Location where, std::string text) {
  return Error(Code::kInvalid,
               fmt::format("{}:{}:{}: {}", app.file.string(), where.line, where.column, text));
}

// Fargate sells CPU and memory in steps (units of 1/1024 vCPU, MiB).
struct Size {
  unsigned cpu, memory;
};
Size fargate_size(const ProcessSpec& process) {
  static constexpr std::tuple<unsigned, unsigned, unsigned, unsigned> kSteps[] = {
      {256, 512, 2048, 512},
      {512, 1024, 4096, 1024},
      {1024, 2048, 8192, 1024},
      {2048, 4096, 16384, 1024},
      {4096, 8192, 30720, 1024}};
  const auto wanted_cpu = process.cpu_millis * 1024 / 1000;
  const auto wanted_memory = static_cast<unsigned>((process.memory + (1 << 20) - 1) >> 20);
  for (const auto& [cpu, least, most, step] : kSteps) {
    if (cpu < wanted_cpu || most < wanted_memory) continue;
    unsigned memory = least;
    while (memory < wanted_memory) memory += step;
    return {cpu, memory};
  }
  return {4096, 30720};
}

void write_process(Lines& out, const AppSpec& app, const ProcessSpec& process) {
  const auto size = fargate_size(process);
  const bool serving = serves(app, process);
  config::Variables variables = process.env;
  if (serving) {
    variables.emplace_back("HOST", "0.0.0.0");
    variables.emplace_back("PORT", "8080");
    variables.emplace_back("FAIRLEAD_DRAIN", std::to_string(kDrainSeconds));
  }
  out.line("{} = {{", hcl_text(process.name));
  {
    const Lines::Inner inner(out);
    out.line("command        = {}", hcl_list(config::command_line(process.command)));
    out.line("variables      = {}", hcl_map(variables));
    out.line("replicas       = {}", process.replicas);
    out.line("max_replicas   = {}", process.max_replicas);
    out.line("serves         = {}", serving);
    out.line("health         = {}", hcl_text(process.health));
    out.line("least_requests = {}", process.balance == config::Balance::kLeastRequests);
    out.line("cpu            = {}", size.cpu);
    out.line("memory         = {}", size.memory);
    out.line("stop_timeout   = {}", seconds(process.stop_timeout) + kDrainSeconds);
  }
  out.line("}}");
}

void write_routes(Lines& out, const AppSpec& app) {
  auto routes = by_precedence(app);
  out.line("routes = [");
  {
    const Lines::Inner inner(out);
    for (const auto& route : routes) {
      auto path = route.path;
      while (path.ends_with('/')) path.pop_back();
      std::vector<std::string> paths = {path + "/*"};
      if (!path.empty()) paths.insert(paths.begin(), path);
      out.line("{{ host = {}, paths = {}, process = {} }},", hcl_text(route.host), hcl_list(paths),
               hcl_text(route.process));
    }
  }
  out.line("]");
}

std::string ecs_locals(const AppSpec& app) {
  Lines out("  ");
  out.comment(made_from(app, "terraform-ecs"));
  out.line("locals {{");
  {
    const Lines::Inner locals(out);
    out.line("app = {{");
    {
      const Lines::Inner inner(out);
      const auto* database = service_of(app, ServiceType::kPostgresql);
      out.line("name            = {}", hcl_text(app.name));
      out.line("environment     = {}", hcl_text(app.environment));
      out.line("release_command = {}",
               app.deploy.release_command.empty()
                   ? "[]"
                   : hcl_list(config::command_line(app.deploy.release_command)));
      out.line("variables       = {}", hcl_map(container_variables(app, nullptr)));
      out.line("secrets         = {}", hcl_list(app.secrets.names));
      out.line("database        = {}", database != nullptr);
      out.line("database_name   = {}", hcl_text(database_name(app)));
      out.line("backup_days     = {}", backup_days(database));
      out.line("cache           = {}", service_of(app, ServiceType::kRedis) != nullptr);
      write_routes(out, app);
      out.line("processes = {{");
      {
        const Lines::Inner processes(out);
        for (const auto& process : app.processes) write_process(out, app, process);
      }
      out.line("}}");
    }
    out.line("}}");
  }
  out.line("}}");
  return out.take();
}

}  // namespace

Result<> render_terraform_ecs(const AppSpec& app, const RenderOptions&, Rendering& rendering,
                              Report& report) {
  // A name of AWS has 32 characters, of which a process type's takes its own.
  for (const auto& process : app.processes) {
    if (process.name == "release")
      return fail(refused(app, process.where, "'release' is the release command's name there"));
    if (app.name.size() + app.environment.size() + process.name.size() + 2 > 32)
      return fail(refused(app, process.where,
                          fmt::format("'{}-{}-{}' is longer than the 32 characters that a target "
                                      "group's name may have",
                                      app.name, app.environment, process.name)));
  }
  rendering.files.push_back({"app.tf", ecs_locals(app)});
  add_files("ecs/", rendering);

  report.carried("processes.NAME.command, env", "task definitions for Fargate");
  report.carried("processes.NAME.replicas, max_replicas",
                 "a service each, scaled by CPU between the two");
  report.differs("processes.NAME.memory, cpu",
                 "rounded up to what Fargate sells: at least a quarter of a CPU and 512 MiB");
  report.carried("processes.NAME.health, balance", "of the load balancer, asked every 5 s");
  report.differs("processes.NAME.stop_timeout", "at most 120 s on Fargate");
  report.carried("routes", "rules of the load balancer, in their order of precedence");
  for (const auto& route : app.routes) {
    if (route.limit.rate.count > 0)
      report.missing("routes.limit", "the load balancer has no limits: AWS WAF does, for a price");
    if (route.cache.ttl > 0s)
      report.missing("routes.cache", "the load balancer has no cache: put CloudFront in front");
    if (route.max_body > 0)
      report.missing("routes.max_body", "the load balancer has no limit but its own");
  }
  report.carried("deploy", "new tasks first; those that do not become healthy are taken back");
  if (!app.deploy.release_command.empty())
    report.differs("deploy.release_command",
                   "a task that 'fairlead deploy --to ecs' runs before the services change; "
                   "'terraform apply' alone does not");
  for (const auto& service : app.services)
    report.differs(fmt::format("services.{}", service.name),
                   service.type == ServiceType::kPostgresql
                       ? "RDS: encrypted, any moment of the days kept can be restored"
                       : "ElastiCache: encrypted, daily snapshots; it forgets at most a second");
  if (!app.secrets.names.empty())
    report.carried("secrets", "Secrets Manager; values are put in by hand");
  report.carried("https", "a certificate of ACM for the variable 'hosts'");
  report.missing("build",
                 "'fairlead deploy --to ecs' pushes the image to the repository made here");
  return {};
}

namespace {

std::string stage_locals(const AppSpec& app, const RenderOptions& options) {
  Lines out("  ");
  out.comment(made_from(app, "terraform-lambda"));
  out.line("locals {{");
  {
    const Lines::Inner locals(out);
    out.line("app = {{");
    {
      const Lines::Inner inner(out);
      out.line("name = {}", hcl_text(app.name));
      out.line("stages = {{");
      const Lines::Inner stages(out);
      for (const auto* one : environments_of(app, options)) {
        const auto& process = one->processes.front();
        const auto route = one->routes.empty() ? config::RouteSpec{} : one->routes.front();
        const auto per =
            std::max<double>(1e-9, std::chrono::duration<double>(route.limit.rate.per).count());
        const auto memory = process.memory == 0
                                ? kLambdaMegabytes
                                : std::clamp<std::uint64_t>(process.memory >> 20, 128, 10240);
        out.line("{} = {{", hcl_text(one->environment));
        {
          const Lines::Inner stage(out);
          out.line("command   = {}", hcl_list(config::command_line(process.command)));
          out.line("memory    = {}", memory);
          out.line("variables = {}", hcl_map(container_variables(*one, &process)));
          out.line("rate      = {}",
                   route.limit.rate.count == 0
                       ? 0
                       : std::max(1, static_cast<int>(route.limit.rate.count / per)));
          out.line("burst     = {}", route.limit.burst);
          out.line("ttl       = {}", seconds(route.cache.ttl));
        }
        out.line("}}");
      }
    }
    {
      const Lines::Inner inner(out);
      out.line("}}");
    }
    out.line("}}");
  }
  out.line("}}");
  return out.take();
}

// What a function is not made for, said where the file says it.
Result<> check_function(const AppSpec& app) {
  if (app.processes.size() != 1 || !serves(app, app.processes.front()))
    return fail(refused(app,
                        app.processes.empty() ? config::Location{1, 1} : app.processes.back().where,
                        "a function is one process type that serves; this app has others")
                    .hint("terraform-ecs runs all of them"));
  if (!app.services.empty())
    return fail(refused(app, app.services.front().where,
                        fmt::format("a function keeps its data in DynamoDB, not in {}",
                                    to_string(app.services.front().type)))
                    .hint("terraform-ecs runs it beside the app"));
  return {};
}

}  // namespace

Result<> render_terraform_lambda(const AppSpec& app, const RenderOptions& options,
                                 Rendering& rendering, Report& report) {
  for (const auto* one : environments_of(app, options)) TRY_VOID(check_function(*one));
  rendering.files.push_back({"app.tf", stage_locals(app, options)});
  add_files("lambda/", rendering);

  report.differs("processes.web.command",
                 "the program is a Lambda runtime itself: with AWS_LAMBDA_RUNTIME_API set it must "
                 "ask for events instead of listening, as 'hello' does");
  report.differs("processes.web.replicas", "as many as there are requests at once");
  report.differs("processes.web.memory", "at least 128 MiB; the share of a CPU follows from it");
  report.missing("processes.web.health, stop_timeout, balance", "Lambda has neither of them");
  report.differs("DATABASE_URL",
                 "DynamoDB, one table for each stage, restorable to any second of "
                 "35 days; the app must speak it");
  report.differs("routes", "every path of one address; host and path of routes are not looked at");
  for (const auto& route : app.routes) {
    if (route.limit.rate.count > 0)
      report.differs("routes.limit", "of API Gateway, for all clients together, not for each");
    if (route.cache.ttl > 0s) report.carried("routes.cache", "by CloudFront, for every path");
  }
  if (!app.deploy.release_command.empty())
    report.missing("deploy.release_command", "DynamoDB has no schema to migrate");
  if (!app.secrets.names.empty())
    report.missing("secrets",
                   "read them from Secrets Manager in the program, and give it the right");
  report.carried("environments", "a stage each, with rights of its own");
  report.missing("build", "'fairlead image push' to the repository made here");
  return {};
}

}  // namespace fairlead::target
