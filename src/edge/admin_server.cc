#include "edge/admin_server.h"

#include "base/file.h"
#include "base/strings.h"
#include "edge/ban_admin.h"
#include "edge/cache_admin.h"
#include "edge/report.h"
#include "telemetry/metrics.h"

namespace fairlead::edge {

namespace {

constexpr std::size_t kMaxSnapshot = 64 << 20;

std::uint16_t status_of(const Error& error) {
  switch (error.code()) {
    case Code::kInvalid:
      return 422;
    case Code::kExists:
      return 409;
    case Code::kTimeout:
      return 504;
    default:
      return 500;
  }
}

http::Response problem(const Error& error) {
  const std::uint16_t status = status_of(error);
  return http::Response::problem(status, status == 500 ? "Internal error" : "Refused",
                                 error.message());
}

}  // namespace

AdminServer::AdminServer(io::Loop& loop, Edge& edge, BanKeeper& bans,
                         std::filesystem::path snapshot_file, io::Event& drain_requested)
    : edge_(edge),
      bans_(bans),
      snapshot_file_(std::move(snapshot_file)),
      drain_requested_(drain_requested) {
  add_routes();
  server_ = std::make_unique<http::Server>(loop, router_.handler(),
                                           http::ServerOptions{.max_body = kMaxSnapshot});
}

Result<> AdminServer::serve(const std::filesystem::path& path) {
  TRY(const io::Address address, io::Address::unix_path(path.native()));
  TRY(UniqueFd socket, io::listen(address));
  server_->serve(std::move(socket));
  return {};
}

void AdminServer::add_routes() {
  using http::Exchange;
  using http::Method;
  using http::PathParameters;
  using http::Response;
  router_.add(Method::kPut, "/snapshot",
              [this](Exchange& exchange, PathParameters) { return put_snapshot(exchange); });
  router_.add(Method::kGet, "/snapshot", [this](Exchange& exchange, PathParameters) {
    return answer(exchange, Response::json(control::to_json(edge_.snapshot())));
  });
  router_.add(Method::kGet, "/counters", [this](Exchange& exchange, PathParameters) {
    return answer(exchange, Response::json(counters_json(edge_)));
  });
  router_.add(Method::kGet, "/metrics", [this](Exchange& exchange, PathParameters) {
    Response response = Response::text(metrics_text(edge_));
    response.fields.set("Content-Type", std::string(telemetry::kOpenMetricsType));
    return answer(exchange, std::move(response));
  });
  add_cache_routes(router_, edge_);
  add_ban_routes(router_, edge_, bans_);
  router_.add(Method::kGet, "/healthz", [this](Exchange& exchange, PathParameters) {
    return answer(exchange, Response::text("ok\n"));
  });
  router_.add(Method::kPost, "/wait-idle",
              [this](Exchange& exchange, PathParameters) { return wait_idle(exchange); });
  router_.add(Method::kPost, "/reopen-logs",
              [this](Exchange& exchange, PathParameters) { return reopen_logs(exchange); });
  router_.add(Method::kPost, "/drain",
              [this](Exchange& exchange, PathParameters) { return drain(exchange); });
}

io::Task<void> AdminServer::answer(http::Exchange& exchange, http::Response response) {
  // A peer that is gone does not need the answer.
  [[maybe_unused]] const auto sent = co_await exchange.respond(std::move(response));
}

io::Task<void> AdminServer::put_snapshot(http::Exchange& exchange) {
  auto body = co_await exchange.read_body();
  if (!body) co_return;
  auto snapshot = control::snapshot_from_json(*body);
  if (!snapshot) co_return co_await answer(exchange, problem(snapshot.error()));
  const std::uint64_t version = snapshot->version;
  if (version < edge_.snapshot().version) {
    co_return co_await answer(
        exchange, http::Response::problem(409, "Refused",
                                          fmt::format("version {} is older than {}", version,
                                                      edge_.snapshot().version)));
  }
  const std::string text = control::to_json(*snapshot);
  auto applied = co_await edge_.apply(*std::move(snapshot));
  if (applied) applied = bans_.serve(edge_);
  if (applied) applied = write_file_atomically(snapshot_file_, text, 0600);
  if (!applied) co_return co_await answer(exchange, problem(applied.error()));
  co_await answer(exchange, http::Response::json(fmt::format("{{\"version\":{}}}\n", version)));
}

io::Task<void> AdminServer::wait_idle(http::Exchange& exchange) {
  const auto timeout = parse_unsigned(exchange.request.parameter("timeout_ms").value_or("30000"));
  if (!timeout || *timeout > 3'600'000) {
    co_return co_await answer(exchange,
                              http::Response::problem(400, "Refused", "timeout_ms is not usable"));
  }
  auto idle = co_await edge_.origin_idle(
      exchange.request.parameter("origin").value_or(""),
      io::Deadline::in(std::chrono::milliseconds(*timeout)).or_when(exchange.cut_off()));
  co_await answer(exchange,
                  idle ? http::Response::json("{\"in_flight\":0}\n") : problem(idle.error()));
}

io::Task<void> AdminServer::reopen_logs(http::Exchange& exchange) {
  auto reopened = edge_.reopen_logs();
  co_await answer(exchange, reopened ? http::Response::json("{}\n") : problem(reopened.error()));
}

io::Task<void> AdminServer::drain(http::Exchange& exchange) {
  co_await answer(exchange, http::Response::json("{}\n"));
  drain_requested_.set();
}

io::Task<void> AdminServer::stop() {
  // What still ran then was cut off, as it should be.
  [[maybe_unused]] const auto drained = co_await server_->drain(io::Deadline::in(1s));
}

}  // namespace fairlead::edge
