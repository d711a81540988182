#include <algorithm>
#include <set>

#include "config/values.h"
#include "target/lines.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::RouteSpec;

namespace {

// A word of nginx's: quoted where it holds more than plain characters. What '$' would begin is text
// here: no value that comes from the file is put where nginx looks for variables.
std::string word(std::string_view text) {
  const auto special = std::string_view(" \t;{}\"'\\#");
  if (text.find_first_of(special) == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// "*.example.com" for one label in front; nginx's own wildcard would take more.
std::string server_name(std::string_view host) {
  if (host.empty()) return "_";
  if (!host.starts_with("*.")) return std::string(host);
  std::string expression = "~^[^.]+";
  for (const char c : host.substr(1)) expression += c == '.' ? "\\." : std::string(1, c);
  return expression + "$";
}

// nginx counts by the second or the minute.
std::string rate(const config::Rate& rate) {
  if (rate.per == 1s) return fmt::format("{}r/s", rate.count);
  const auto minutes =
      static_cast<double>(rate.count) * 60e9 / static_cast<double>(rate.per.count());
  return fmt::format("{}r/m", std::max(1u, static_cast<unsigned>(minutes + 0.5)));
}

bool rate_is_exact(const config::Rate& rate) {
  return rate.per == 1s || std::uint64_t{rate.count} * 60'000'000'000u %
                                   static_cast<std::uint64_t>(rate.per.count()) ==
                               0;
}

class Config {
 public:
  Config(const AppSpec& app, const RenderOptions& options)
      : app_(app), options_(options), routes_(by_precedence(app)) {}

  std::string write() {
    lines_.comment(made_from(app_, "nginx"));
    lines_.comment("Replicas listen on the ports that 'fairlead render systemd' gives them.");
    lines_.blank();
    lines_.line("worker_processes auto;");
    lines_.line("pid nginx.pid;");
    lines_.line("error_log stderr warn;");
    lines_.blank();
    lines_.line("events {{");
    {
      const Lines::Inner inner(lines_);
      lines_.line("worker_connections 10240;");
    }
    lines_.line("}}");
    lines_.blank();
    lines_.line("http {{");
    {
      const Lines::Inner inner(lines_);
      write_common();
      for (const auto& process : app_.processes)
        if (serves(app_, process)) write_upstream(process);
      write_zones();
      write_servers();
    }
    lines_.line("}}");
    return lines_.take();
  }

 private:
  void write_common() {
    lines_.line("access_log access.log combined buffer=64k flush=1s;");
    lines_.line("server_tokens off;");
    lines_.line("keepalive_timeout 75s;");
    lines_.line("client_header_timeout 10s;");
    lines_.line("client_body_timeout 30s;");
    lines_.line("send_timeout 30s;");
    lines_.line("large_client_header_buffers 4 32k;");
    lines_.line("limit_req_status 429;");
    lines_.blank();
    lines_.line("proxy_http_version 1.1;");
    lines_.line("proxy_connect_timeout 2s;");
    lines_.line("proxy_read_timeout 60s;");
    lines_.comment("One more try on another replica, for requests that may be sent twice.");
    lines_.line("proxy_next_upstream error timeout;");
    lines_.line("proxy_next_upstream_tries 2;");
    lines_.comment("What a client claims about itself is not passed on.");
    lines_.line("proxy_set_header Host $http_host;");
    lines_.line("proxy_set_header Forwarded \"\";");
    lines_.line("proxy_set_header X-Forwarded-For $remote_addr;");
    lines_.line("proxy_set_header X-Forwarded-Proto $scheme;");
    lines_.line("proxy_set_header X-Forwarded-Host $http_host;");
    lines_.line("proxy_set_header X-Request-ID $request_id;");
    lines_.comment("WebSockets pass; all other connections to replicas are kept.");
    lines_.line("proxy_set_header Upgrade $http_upgrade;");
    lines_.line("proxy_set_header Connection $origin_connection;");
    lines_.line("map $http_upgrade $origin_connection {{");
    {
      const Lines::Inner inner(lines_);
      lines_.line("default upgrade;");
      lines_.line("\"\" \"\";");
    }
    lines_.line("}}");
  }

  void write_upstream(const ProcessSpec& process) {
    lines_.blank();
    lines_.line("upstream {} {{", process.name);
    {
      const Lines::Inner inner(lines_);
      if (process.balance == config::Balance::kLeastRequests) lines_.line("least_conn;");
      for (unsigned i = 1; i <= process.replicas; ++i)
        lines_.line("server 127.0.0.1:{} max_fails=2 fail_timeout=4s;", port_of(app_, process, i));
      if (process.replicas == 0) lines_.line("server 127.0.0.1:9 down;  # replicas = 0");
      lines_.line("keepalive 64;");
    }
    lines_.line("}}");
  }

  // What limits and caches count and keep, each for its route.
  void write_zones() {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      const auto& route = routes_[i];
      if (route.limit.rate.count > 0) {
        lines_.blank();
        lines_.line("limit_req_zone $binary_remote_addr zone=route_{}_limit:10m rate={};", i + 1,
                    rate(route.limit.rate));
      }
      if (route.cache.ttl > 0s) {
        lines_.blank();
        lines_.line(
            "proxy_cache_path cache_{0} keys_zone=route_{0}_cache:10m max_size=256m inactive=1h "
            "use_temp_path=off;",
            i + 1);
      }
    }
  }

  void write_servers() {
    std::vector<std::string> hosts;
    for (const auto& route : routes_)
      if (hosts.empty() || hosts.back() != route.host) hosts.push_back(route.host);
    // Without a route for every host, a host that nobody knows gets 404 as an unknown path does.
    if (hosts.empty() || !hosts.back().empty()) hosts.emplace_back();
    for (const auto& host : hosts) write_server(host);
  }

  void write_server(const std::string& host) {
    lines_.blank();
    lines_.line("server {{");
    {
      const Lines::Inner inner(lines_);
      lines_.line("listen {}{};", options_.http_port, host.empty() ? " default_server" : "");
      lines_.line("server_name {};", word(server_name(host)));
      std::set<std::string_view> paths;  // a path is the first route's that has it
      for (std::size_t i = 0; i < routes_.size(); ++i)
        if (covers(routes_[i].host, host) && paths.insert(routes_[i].path).second) write_route(i);
      const bool whole = paths.contains("/");
      if (!whole) lines_.line("location / {{ return 404; }}");
    }
    lines_.line("}}");
  }

  // Whether a route for `pattern` is for `host` too: what a host's own routes leave open belongs to
  // the wildcard's, and then to those for every host.
  static bool covers(std::string_view pattern, std::string_view host) {
    if (pattern.empty() || pattern == host) return true;
    if (!pattern.starts_with("*.")) return false;
    const auto dot = host.find('.');
    return dot != std::string_view::npos && host.substr(dot) == pattern.substr(1);
  }

  // A path of whole segments takes two locations: itself and what is below it.
  void write_route(std::size_t index) {
    auto path = routes_[index].path;
    while (path.ends_with('/')) path.pop_back();
    write_location(index, fmt::format("^~ {}", word(path + "/")));
    if (!path.empty()) write_location(index, fmt::format("= {}", word(path)));
  }

  void write_location(std::size_t index, const std::string& match) {
    const auto& route = routes_[index];
    lines_.line("location {} {{", match);
    {
      const Lines::Inner inner(lines_);
      lines_.line("proxy_pass http://{};", route.process);
      lines_.line("client_max_body_size {};",
                  route.max_body > 0 ? fmt::format("{}", route.max_body) : "1g");
      lines_.line("proxy_request_buffering off;");
      if (route.limit.rate.count > 0)
        lines_.line("limit_req zone=route_{}_limit burst={} nodelay;", index + 1,
                    route.limit.burst);
      if (route.cache.ttl > 0s) write_cache(index);
    }
    lines_.line("}}");
  }

  void write_cache(std::size_t index) {
    const auto& cache = routes_[index].cache;
    lines_.line("proxy_cache route_{}_cache;", index + 1);
    lines_.line("proxy_cache_key $scheme$host$request_uri;");
    lines_.line("proxy_cache_lock on;");
    lines_.line("proxy_cache_use_stale updating error timeout;");
    lines_.comment("For answers that say nothing; what they say goes before it.");
    if (cache.paths.empty())
      lines_.line("proxy_cache_valid 200 {}s;", seconds(cache.ttl));
    else
      write_cache_paths(cache, index);
  }

  void write_cache_paths(const config::CacheSpec& cache, std::size_t index) {
    for (const auto& pattern : cache.paths) {
      const bool prefix = pattern.ends_with('*');
      std::string expression = "^";
      for (const char c : prefix ? pattern.substr(0, pattern.size() - 1) : pattern)
        expression += std::string_view(".+?()[]{}|^$\\").contains(c) ? fmt::format("\\{}", c)
                                                                     : std::string(1, c);
      lines_.line("location ~ {} {{", word(expression + (prefix ? "" : "$")));
      {
        const Lines::Inner inner(lines_);
        lines_.line("proxy_pass http://{};", routes_[index].process);
        lines_.line("proxy_cache_valid 200 {}s;", seconds(cache.ttl));
      }
      lines_.line("}}");
    }
  }

  const AppSpec& app_;
  const RenderOptions& options_;
  const std::vector<RouteSpec> routes_;
  Lines lines_;
};

void report_routes(const AppSpec& app, Report& report) {
  for (const auto& route : app.routes) {
    if (const auto& limit = route.limit; limit.rate.count > 0) {
      if (rate_is_exact(limit.rate))
        report.carried("routes.limit", fmt::format("{} with a burst of {} for each client address",
                                                   rate(limit.rate), limit.burst));
      else
        report.differs("routes.limit",
                       fmt::format("{} is rounded to {}: nginx counts by the second or the minute",
                                   config::write_rate(limit.rate), rate(limit.rate)));
    }
    if (route.cache.ttl > 0s)
      report.carried("routes.cache",
                     "for answers that say nothing about it; identical misses are merged");
    if (route.max_body > 0) report.carried("routes.max_body", "client_max_body_size");
  }
}

}  // namespace

Result<> render_nginx(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                      Report& report) {
  rendering.files.push_back({"nginx.conf", Config(app, options).write()});
  rendering.checks.push_back({"nginx", "-t", "-p", ".", "-c", "nginx.conf"});

  report.carried(
      "routes",
      "hosts, path prefixes of whole segments, wildcards for one label, 404 for the rest");
  report.carried("processes.NAME.replicas", "one server line each, on 127.0.0.1");
  report.carried("processes.NAME.balance", "round robin or least_conn");
  report_routes(app, report);
  report.differs("processes.NAME.health",
                 "nginx asks no health path: a replica that fails two requests gets none for 4 s");
  report.missing("https",
                 "the address is plain HTTP: add 'listen 8443 ssl' with a certificate, or "
                 "terminate TLS in front");
  report.missing("processes, services, env, secrets",
                 "nginx starts no program: 'fairlead render systemd' does for this machine");
  report.missing("deploy",
                 "a replica that is stopped fails the requests that find it out, which are tried "
                 "once elsewhere");
  return {};
}

}  // namespace fairlead::target
