#include "target/haproxy_config.h"

#include <algorithm>

#include "config/values.h"
#include "target/lines.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::RouteSpec;

namespace {

// A word of HAProxy's: in single quotes where it holds more than plain characters.
std::string word(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._/:*~").contains(c);
  };
  if (std::ranges::all_of(text, plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// "*.example.com" as an expression for one label in front.
std::string one_label(std::string_view host) {
  std::string expression = "^[^.]+";
  for (const char c : host.substr(1)) expression += c == '.' ? "\\." : std::string(1, c);
  return word(expression + "$");
}

std::string host_condition(const RouteSpec& route) {
  if (route.host.empty()) return "";
  if (route.host.starts_with("*."))
    return fmt::format(" {{ var(txn.host) -m reg {} }}", one_label(route.host));
  return fmt::format(" {{ var(txn.host) -m str {} }}", word(route.host));
}

class Config {
 public:
  Config(const AppSpec& app, const HaproxyPlace& place)
      : app_(app), place_(place), routes_(by_precedence(app)) {}

  std::string write() {
    for (const auto& line : place_.preamble) lines_.comment(line);
    write_common();
    write_frontend();
    for (const auto& process : app_.processes)
      if (serves(app_, process)) write_backend(process);
    for (std::size_t i = 0; i < routes_.size(); ++i) write_tables(i);
    return lines_.take();
  }

 private:
  std::string route_name(std::size_t index) const { return fmt::format("route_{}", index + 1); }
  std::string is_route(std::size_t index) const {
    return fmt::format("{{ var(txn.route) -m str {} }}", route_name(index));
  }

  void write_common() {
    lines_.blank();
    lines_.line("global");
    {
      const Lines::Inner inner(lines_);
      lines_.line("log stdout format raw local0");
    }
    lines_.blank();
    lines_.line("defaults");
    {
      const Lines::Inner inner(lines_);
      lines_.line("mode http");
      lines_.line("log global");
      lines_.line("option httplog");
      lines_.line("timeout connect 2s");
      lines_.line("timeout http-request 10s");
      lines_.line("timeout http-keep-alive 75s");
      lines_.line("timeout client 30s");
      lines_.line("timeout server 60s");
      lines_.line("timeout tunnel 1h");
      lines_.comment("One more try on another replica, for requests that may be sent twice.");
      lines_.line("retries 1");
      lines_.line("option redispatch 1");
      lines_.line("retry-on conn-failure empty-response");
      lines_.line("http-reuse safe");
    }
    if (place_.resolvers.empty()) return;
    lines_.blank();
    lines_.line("resolvers names");
    const Lines::Inner inner(lines_);
    for (const auto& line : place_.resolvers) lines_.line("{}", line);
  }

  void write_frontend() {
    lines_.blank();
    lines_.line("frontend users");
    const Lines::Inner inner(lines_);
    lines_.line("bind {}", place_.bind);
    lines_.comment("What a client claims about itself is not passed on.");
    lines_.line("http-request del-header Forwarded");
    lines_.line("http-request del-header X-Forwarded-For");
    lines_.line("option forwardfor");
    lines_.line("http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]");
    lines_.line("http-request set-header X-Forwarded-Host %[req.hdr(host)]");
    lines_.line("unique-id-format %[uuid()]");
    lines_.line("unique-id-header X-Request-ID");
    lines_.line(
        "http-request disable-l7-retry unless METH_GET || {{ method HEAD OPTIONS PUT DELETE }}");
    lines_.line("http-request set-var(txn.host) req.hdr(host),field(1,:),rtrim(.),lower");
    lines_.comment("The first route that matches is the one; the most precise stand first.");
    for (std::size_t i = 0; i < routes_.size(); ++i) write_match(i);
    lines_.line("http-request deny deny_status 404 unless {{ var(txn.route) -m found }}");
    for (std::size_t i = 0; i < routes_.size(); ++i) write_rules(i);
    for (std::size_t i = 0; i < routes_.size(); ++i)
      lines_.line("use_backend {} if {}", routes_[i].process, is_route(i));
  }

  // Whole segments: "/api" is for "/api" and "/api/x", which takes two lines.
  void write_match(std::size_t index) {
    const auto& route = routes_[index];
    const auto set =
        fmt::format("http-request set-var(txn.route) str({}) if !{{ var(txn.route) -m found }}{}",
                    route_name(index), host_condition(route));
    if (route.path == "/") {
      lines_.line("{}", set);
      return;
    }
    const auto folder = route.path.ends_with('/') ? route.path : route.path + "/";
    lines_.line("{} {{ path {} }}", set, word(folder.substr(0, folder.size() - 1)));
    lines_.line("{} {{ path_beg {} }}", set, word(folder));
  }

  void write_rules(std::size_t index) {
    const auto& route = routes_[index];
    const auto here = is_route(index);
    if (route.max_body > 0)
      lines_.line("http-request deny deny_status 413 if {} {{ req.body_size gt {} }}", here,
                  route.max_body);
    if (route.limit.rate.count > 0) {
      lines_.line("http-request track-sc0 src table {}_limit if {}", route_name(index), here);
      lines_.line("http-request deny deny_status 429 if {} {{ sc0_http_req_rate({}_limit) gt {} }}",
                  here, route_name(index), std::max(route.limit.rate.count, route.limit.burst));
    }
    if (route.cache.ttl > 0s) write_cache_rules(index);
  }

  void write_cache_rules(std::size_t index) {
    const auto& cache = routes_[index].cache;
    const auto here = is_route(index);
    const auto set = fmt::format("http-request set-var(txn.cached) bool(true) if {}", here);
    if (cache.paths.empty()) {
      lines_.line("{}", set);
    } else {
      write_cache_paths(cache.paths, set);
    }
    lines_.line("http-request cache-use {}_cache if {} {{ var(txn.cached) -m bool }}",
                route_name(index), here);
    lines_.comment("HAProxy keeps only what says that it may be kept.");
    lines_.line(
        "http-response set-header Cache-Control max-age={} if {} {{ var(txn.cached) -m bool }} "
        "!{{ res.hdr(Cache-Control) -m found }} {{ status 200 }}",
        seconds(cache.ttl), here);
    lines_.line("http-response cache-store {}_cache if {} {{ var(txn.cached) -m bool }}",
                route_name(index), here);
  }

  void write_cache_paths(const std::vector<std::string>& patterns, const std::string& set) {
    for (const auto& pattern : patterns) {
      const bool prefix = pattern.ends_with('*');
      lines_.line("{} {{ {} {} }}", set, prefix ? "path_beg" : "path",
                  word(prefix ? pattern.substr(0, pattern.size() - 1) : pattern));
    }
  }

  void write_backend(const ProcessSpec& process) {
    lines_.blank();
    lines_.line("backend {}", process.name);
    const Lines::Inner inner(lines_);
    lines_.line("balance {}",
                process.balance == config::Balance::kLeastRequests ? "leastconn" : "roundrobin");
    if (!process.health.empty()) {
      lines_.line("option httpchk");
      lines_.line("http-check send meth GET uri {} hdr Host {}", word(process.health), "localhost");
      lines_.line("http-check expect status 200-299");
    }
    lines_.line("default-server check inter 2s fall 2 rise 1");
    for (const auto& server : place_.servers(process)) lines_.line("{}", server);
  }

  void write_tables(std::size_t index) {
    const auto& route = routes_[index];
    if (route.limit.rate.count > 0) {
      lines_.blank();
      lines_.comment("The requests of each client; the oldest are forgotten where it is full.");
      lines_.line("backend {}_limit", route_name(index));
      const Lines::Inner inner(lines_);
      lines_.line("stick-table type ipv6 size 100k expire {0}s store http_req_rate({0}s)",
                  seconds(route.limit.rate.per));
    }
    if (route.cache.ttl > 0s) {
      lines_.blank();
      lines_.line("cache {}_cache", route_name(index));
      const Lines::Inner inner(lines_);
      lines_.line("total-max-size 64  # MiB");
      lines_.line("max-age {}", std::max<std::uint64_t>(seconds(route.cache.ttl), 3600));
      lines_.line("process-vary on");
    }
  }

  const AppSpec& app_;
  const HaproxyPlace& place_;
  const std::vector<RouteSpec> routes_;
  Lines lines_;
};

}  // namespace

std::string haproxy_config(const AppSpec& app, const HaproxyPlace& place) {
  return Config(app, place).write();
}

void report_haproxy_routes(const AppSpec& app, Report& report) {
  report.carried(
      "routes",
      "hosts, path prefixes of whole segments, wildcards for one label, 404 for the rest");
  report.carried("processes.NAME.health",
                 "asked every 2 s; a replica that fails twice gets no requests");
  for (const auto& route : app.routes) {
    if (route.limit.rate.count > 0)
      report.differs("routes.limit",
                     fmt::format("{} requests in a sliding {} for each client address, instead of "
                                 "{} and a burst of {}",
                                 std::max(route.limit.rate.count, route.limit.burst),
                                 config::write_duration(route.limit.rate.per),
                                 config::write_rate(route.limit.rate), route.limit.burst));
    if (route.cache.ttl > 0s)
      report.differs("routes.cache",
                     "an answer that says nothing gets a Cache-Control header, which clients see "
                     "too; objects of more than 32 KiB are not kept");
    if (route.max_body > 0)
      report.differs("routes.max_body",
                     "held against Content-Length; a chunked body is not measured");
  }
  report.missing(
      "https",
      "the address is plain HTTP: add 'ssl crt FILE' to its bind line, or terminate TLS in front");
}

}  // namespace fairlead::target
