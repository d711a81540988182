#include "service/serve.h"

#include <fmt/format.h>
#include <signal.h>

#include "io/address.h"
#include "io/signals.h"
#include "io/stream.h"
#include "service/request_metrics.h"

namespace fairlead::service {

namespace {

constexpr Duration kDrainTimeout = 25s;  // supervisors kill after 30
constexpr Duration kReadyTimeout = 2s;

// Where to listen: HOST:PORT, FAIRLEAD_SOCKET, or both.
Result<std::vector<io::Address>> addresses(const Environment& environment) {
  std::vector<io::Address> found;
  const auto socket = environment.find("FAIRLEAD_SOCKET");
  if (!socket || environment.find("PORT")) {
    TRY(const auto port, environment.number("PORT", 8080, 0, 65535));
    const auto host = environment.get("HOST", "127.0.0.1");
    auto address =
        io::Address::ip(host == "localhost" ? "127.0.0.1" : host, static_cast<std::uint16_t>(port));
    if (!address)
      return fail(Code::kInvalid, fmt::format("HOST is '{}', it must be an IP address", host));
    found.push_back(*std::move(address));
  }
  if (socket) {
    TRY(auto address, io::Address::unix_path(*socket));
    found.push_back(std::move(address));
  }
  return found;
}

class Serving {
 public:
  Serving(io::Loop& loop, const Definition& definition, telemetry::Log& log)
      : loop_(loop), definition_(definition), log_(log) {}

  Result<> start(const Environment& environment, const TrustedProxies& trusted) {
    TRY(const auto where, addresses(environment));
    Context context{loop_, environment, log_, trusted, router_};
    add_common_routes();
    TRY(app_, definition_.make(context));
    server_.emplace(loop_, [this, route = router_.handler()](http::Exchange& exchange) {
      return observe(exchange, route);
    });
    for (const auto& address : where) {
      TRY(auto socket, io::listen(address, {.unix_mode = 0666}));
      TRY(const auto bound, io::local_address(socket.get()));
      server_->serve(std::move(socket));
      log_.info("listening", {{"address", bound.to_string()}});
    }
    return {};
  }

  io::Task<Result<>> until_signal(io::Signals signals) {
    CO_TRY(const int signal, co_await signals.next(io::Deadline::never()));
    log_.info("draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    const auto drained = co_await server_->drain(io::Deadline::in(kDrainTimeout));
    if (!drained) log_.error("requests were cut off", drained.error());
    co_await app_->close();
    log_.info("stopped");
    co_return Result<>{};
  }

 private:
  void add_common_routes() {
    using http::Exchange, http::Method, http::PathParameters;
    router_.add(Method::kGet, "/healthz", [](Exchange& exchange, PathParameters) {
      return answer(exchange, http::Response::json("{\"status\":\"ok\"}\n"));
    });
    router_.add(Method::kGet, "/readyz",
                [this](Exchange& exchange, PathParameters) { return readyz(exchange); });
    router_.add(Method::kGet, "/metrics",
                [this](Exchange& exchange, PathParameters) { return metrics(exchange); });
    router_.add(Method::kGet, "/openapi.json", [this](Exchange& exchange, PathParameters) {
      return answer(exchange, http::Response::json(std::string(definition_.openapi)));
    });
  }

  // A client that is gone needs no answer: the outcome of answering is nobody's concern.
  static io::Task<void> answer(http::Exchange& exchange, http::Response response) {
    (void)co_await exchange.respond(std::move(response));
  }

  io::Task<void> observe(http::Exchange& exchange, const http::Handler& route) {
    const Instant begin = now();
    co_await route(exchange);
    const auto took = now() - begin;
    const auto status = exchange.status();
    metrics_.record(exchange.request.method, status, took);
    if (status >= 500) {
      log_.warn("request failed", {{"status", status},
                                   {"method", exchange.request.method_text},
                                   {"path", exchange.request.path},
                                   {"request_id", exchange.request.id},
                                   {"duration", took}});
    } else if (log_.enabled(telemetry::Level::kDebug)) {
      log_.debug("request", {{"status", status},
                             {"method", exchange.request.method_text},
                             {"path", exchange.request.path},
                             {"request_id", exchange.request.id},
                             {"duration", took}});
    }
  }

  io::Task<void> readyz(http::Exchange& exchange) {
    const auto ready = co_await app_->ready(io::Deadline::in(kReadyTimeout));
    if (ready)
      co_return co_await answer(exchange, http::Response::json("{\"status\":\"ready\"}\n"));
    std::string body = "{\"status\":\"unavailable\"";
    telemetry::append_json_member(body, {"reason", ready.error().message()});
    if (!ready.error().hint().empty())
      telemetry::append_json_member(body, {"hint", ready.error().hint()});
    auto response = http::Response::json(body + "}\n", 503);
    response.fields.add("Retry-After", "1");
    co_await answer(exchange, std::move(response));
  }

  io::Task<void> metrics(http::Exchange& exchange) {
    telemetry::MetricsText text;
    text.info("build", "The program that runs.");
    text.sample(1, {{"service", definition_.name}, {"version", definition_.version}});
    metrics_.write(text, server_->connections());
    app_->add_metrics(text);
    http::Response response;
    response.fields.add("Content-Type", std::string(telemetry::kOpenMetricsType));
    response.body = text.finish();
    co_await answer(exchange, std::move(response));
  }

  io::Loop& loop_;
  const Definition& definition_;
  telemetry::Log& log_;
  http::Router router_;
  RequestMetrics metrics_;
  std::unique_ptr<App> app_;
  std::optional<http::Server> server_;
};

// An embedded database has nobody else to make and migrate it. If that fails, the requests say so.
Result<> prepare_embedded_database(const Definition& definition, const Environment& environment,
                                   telemetry::Log& log) {
  if (!definition.database) return {};
  TRY(const auto url, definition.database(environment));
  if (!url || url->dialect != store::Dialect::kSqlite) return {};
  const auto state = store::migrate_up(*url, definition.migrations);
  if (!state) log.error("cannot migrate the database", state.error());
  return {};
}

}  // namespace

Result<> serve(const Definition& definition, const Environment& environment) {
  TRY(const auto version, version_from_environment(environment, definition.version));
  TRY(const bool debug, environment.flag("APP_DEBUG"));
  TRY(const auto trusted,
      TrustedProxies::parse(environment.get("TRUSTED_PROXIES", TrustedProxies::kDefault)));
  telemetry::Log log(1, debug ? telemetry::Level::kDebug : telemetry::Level::kInfo,
                     {{"service", definition.name}, {"version", version}});
  TRY_VOID(prepare_embedded_database(definition, environment, log));
  TRY(const auto loop, io::Loop::create());
  TRY(auto signals, io::Signals::create(*loop, {SIGTERM, SIGINT}));  // before any thread starts
  Serving serving(*loop, definition, log);
  TRY_VOID(serving.start(environment, trusted));
  return io::block_on(*loop, serving.until_signal(std::move(signals)));
}

http::Response store_unavailable(const Error& why) {
  auto response = http::Response::problem(503, "The store does not answer", why.message());
  response.fields.add("Retry-After", "1");
  return response;
}

}  // namespace fairlead::service
