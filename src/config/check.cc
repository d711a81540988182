#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"

namespace fairlead::config {
namespace {

std::string list_of(std::span<const std::string_view> names) {
  std::string list;
  for (const auto name : names.first(std::min<std::size_t>(names.size(), 8)))
    list += (list.empty() ? "" : ", ") + std::string(name);
  return list + (names.size() > 8 ? ", …" : "");
}

class Checker {
 public:
  Checker(const AppSpec& spec, const Node& document, const Reader& reader, Diagnostics& diagnostics)
      : spec_(spec), document_(document), reader_(reader), diagnostics_(diagnostics) {}

  void run() {
    if (const auto* processes = document_.find("processes");
        !processes || (processes->node.kind == Kind::kTable && processes->node.members.empty()))
      diagnostics_.error({{1, 1}}, "there is nothing to run",
                         "add [processes.web] with a command, or a Procfile");
    for (std::size_t i = 0; i < spec_.routes.size() && !diagnostics_.full(); ++i) check_route(i);
    check_services();
    check_variables(spec_.env, {"env"});
    for (const auto& process : spec_.processes) {
      check_replicas(process);
      check_variables(process.env, {"processes", process.name, "env"});
      check_health(process);
    }
    check_secrets();
    check_alerts();
    check_tls();
  }

 private:
  void check_route(std::size_t index) {
    const auto& route = spec_.routes[index];
    check_process(route.process, {"routes", index, "process"});
    check_process(route.canary.process, {"routes", index, "canary", "process"});
    check_process(route.mirror, {"routes", index, "mirror"});
    if (reader_.is_broken(route.where)) return;
    const auto at = locate(document_, {"routes", index});
    const int answers =
        !route.process.empty() + !route.redirect.to.empty() + !route.files.folder.empty();
    if (answers != 1)
      diagnostics_.error(
          at,
          answers == 0 ? "nothing answers this route" : "more than one thing answers this route",
          "name one of process, redirect and files");
    if (const auto status = route.redirect.status; status > 303 && status < 307)
      diagnostics_.error(locate(document_, {"routes", index, "redirect", "status"}),
                         fmt::format("{} is no redirect", status), "308 keeps method and body");
    const auto [same, fresh] = routes_.emplace(place_of(route), &route);
    if (!fresh)
      diagnostics_.error(
          at,
          fmt::format("a second route for {}{}",
                      route.host.empty() ? "every host, path " : route.host, route.path),
          fmt::format("the first is in line {}", same->second->where.line));
  }

  // What two routes must not have in common.
  static std::string place_of(const RouteSpec& route) {
    std::string place = fmt::format("{}{}{}", route.host, route.path, route.exact ? "$" : "");
    for (const auto& method : route.methods) place += " " + method;
    for (const auto& [name, value] : route.headers) place += fmt::format("\n{}: {}", name, value);
    return place;
  }

  void check_process(const std::string& name, std::initializer_list<Step> where) {
    if (name.empty() || spec_.process(name)) return;
    std::vector<std::string_view> known;
    known.reserve(spec_.processes.size());
    for (const auto& process : spec_.processes) known.push_back(process.name);
    const auto near = name.size() > 64 ? std::nullopt : nearest(name, known);
    diagnostics_.error(locate(document_, where), fmt::format("there is no process type '{}'", name),
                       near            ? fmt::format("did you mean '{}'?", *near)
                       : known.empty() ? ""
                                       : fmt::format("there are: {}", list_of(known)));
  }

  void check_replicas(const ProcessSpec& process) {
    if (process.max_replicas == 0 || process.max_replicas >= process.replicas) return;
    diagnostics_.error(locate(document_, {"processes", process.name, "max_replicas"}),
                       fmt::format("max_replicas is {}, which is less than replicas, {}",
                                   process.max_replicas, process.replicas),
                       "replicas is the least that run, max_replicas the most");
  }

  void check_health(const ProcessSpec& process) {
    if (process.protocol != Protocol::kH2 || process.health.empty()) return;
    diagnostics_.error(
        locate(document_, {"processes", process.name, "health"}),
        fmt::format("'health' is asked over HTTP/1.1, and '{}' speaks HTTP/2 only", process.name),
        "leave it out: ready is then when its port accepts");
  }

  void check_tls() {
    const TlsSpec& tls = spec_.tls;
    if (tls.certificate.empty() != tls.key.empty())
      diagnostics_.error(locate(document_, {"tls"}), "a certificate and its key belong together",
                         "name both: certificate = …, key = …");
    if (!tls.acme.empty() && tls.acme != "letsencrypt" && !tls.acme.starts_with("https://"))
      diagnostics_.error(locate(document_, {"tls", "acme"}),
                         fmt::format("'{}' is no ACME directory", tls.acme),
                         "\"letsencrypt\", or a URL that begins with https://");
  }

  void check_services() {
    std::map<ServiceType, std::string_view> types;
    for (const auto& service : spec_.services) {
      if (reader_.is_broken(service.where)) continue;
      const auto [same, fresh] = types.emplace(service.type, service.name);
      if (fresh) continue;
      diagnostics_.error(
          locate(document_, {"services", service.name, "type"}),
          fmt::format("services '{}' and '{}' would both set {}", same->second, service.name,
                      url_variable(service.type)),
          fmt::format("one service of type {} is what an app can have", to_string(service.type)));
    }
  }

  // `table` is where they stand: "env", or "processes", "web", "env".
  void check_variables(const Variables& variables, std::initializer_list<std::string_view> table) {
    const Node* node = &document_;
    for (const auto step : table) {
      const auto* member = node->find(step);
      if (!member) return;
      node = &member->node;
    }
    for (const auto& [name, value] : variables) {
      const auto at = node->find(name)->span;
      check_name(name, at);
      if (looks_secret(name) && !value.empty())
        diagnostics_.warning(
            at, fmt::format("{} looks like a secret in plain sight", name),
            "put its name under [secrets] and its value in 'fairlead secrets set'");
    }
  }

  void check_secrets() {
    std::set<std::string_view> seen;
    const auto& names = spec_.secrets.names;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto at = locate(document_, {"secrets", "names", i});
      check_name(names[i], at);
      if (!seen.insert(names[i]).second)
        diagnostics_.error(at, fmt::format("a second secret '{}'", names[i]));
      if (std::ranges::count(spec_.env, names[i], &Variables::value_type::first) > 0)
        diagnostics_.error(at, fmt::format("{} is both a secret and in [env]", names[i]),
                           "take it out of [env]");
    }
  }

  void check_alerts() {
    for (std::size_t i = 0; i < spec_.alerts.mute.size(); ++i) {
      const auto& name = spec_.alerts.mute[i];
      if (std::ranges::find(kDefaultAlertRules, name) != kDefaultAlertRules.end()) continue;
      const auto near = name.size() > 64 ? std::nullopt : nearest(name, kDefaultAlertRules);
      diagnostics_.error(locate(document_, {"alerts", "mute", i}),
                         fmt::format("there is no default rule '{}'", name),
                         near ? fmt::format("did you mean '{}'?", *near)
                              : fmt::format("there are: {}", list_of(kDefaultAlertRules)));
    }
    for (const auto& rule : spec_.alerts.rules)
      if (!reader_.is_broken(rule.where) && rule.above.has_value() == rule.below.has_value())
        diagnostics_.error(locate(document_, {"alerts", "rules", rule.name}),
                           fmt::format("rule '{}' needs one limit", rule.name),
                           "set either above or below");
  }

  // Variables that Fairlead sets itself.
  void check_name(std::string_view name, Span at) {
    if (name == "PORT" || name == "HOST" || name == "APP_VERSION" || name.starts_with("FAIRLEAD_"))
      return diagnostics_.error(at, fmt::format("{} is set by Fairlead itself", name));
    const auto service = std::ranges::find_if(
        spec_.services, [&](const ServiceSpec& s) { return url_variable(s.type) == name; });
    if (service != spec_.services.end() && !reader_.is_broken(service->where))
      diagnostics_.error(at, fmt::format("{} is set by services.{}", name, service->name),
                         "take out one of the two");
  }

  static bool looks_secret(std::string_view name) {
    static constexpr std::string_view kEnds[] = {"PASSWORD", "SECRET", "_TOKEN", "_KEY"};
    return std::ranges::any_of(kEnds, [&](auto end) { return name.ends_with(end); });
  }

  const AppSpec& spec_;
  const Node& document_;
  const Reader& reader_;
  Diagnostics& diagnostics_;
  std::map<std::string, const RouteSpec*> routes_;  // by place_of
};

}  // namespace

void check(const AppSpec& spec, const Node& document, const Reader& reader,
           Diagnostics& diagnostics) {
  Checker(spec, document, reader, diagnostics).run();
}

}  // namespace fairlead::config
