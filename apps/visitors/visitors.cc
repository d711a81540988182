#include "visitors.h"

#include <fmt/format.h>

#include "embedded.h"
#include "schema.h"
#include "service/html.h"

namespace visitors {

using namespace fairlead;
using http::Exchange, http::Method, http::PathParameters, http::Response;
using io::Task;

Result<std::unique_ptr<service::App>> Visitors::make(service::Context& context) {
  const auto& environment = context.environment;
  TRY(const auto url, service::database_from_environment(environment));
  TRY(auto version, service::version_from_environment(environment, kVersion));
  auto app_name = environment.get("APP_NAME", fmt::format("devops-test-v{}", version));
  std::unique_ptr<Visitors> app(
      new Visitors(context, {.version = std::move(version),
                             .app_name = std::move(app_name),
                             .user_name = environment.get("USER_NAME", "n/a"),
                             .user_url = environment.get("USER_URL", "#")}));
  if (url) {
    app->store_.emplace(context.loop, *url, migrations().latest());
    app->tally_.emplace(context.loop, **app->store_);
  }
  app->add_routes(context.router);
  return app;
}

void Visitors::add_routes(http::Router& router) {
  router.add(Method::kGet, "/",
             [this](Exchange& exchange, PathParameters) { return show_page(exchange); });
  router.add(Method::kGet, "/version",
             [this](Exchange& exchange, PathParameters) { return show_version(exchange); });
}

Task<Result<>> Visitors::ready(io::Deadline deadline) {
  if (!store_) co_return Result<>{};
  co_return co_await store_->ready(deadline);
}

void Visitors::add_metrics(telemetry::MetricsText& text) const {
  if (store_) store_->add_metrics(text);
}

Task<void> Visitors::close() {
  if (store_) co_await (*store_)->close();
}

Task<void> Visitors::show_version(Exchange& exchange) {
  (void)co_await exchange.respond(
      Response::json(fmt::format("{{\"version\":\"{}\"}}\n", settings_.version)));
}

Task<void> Visitors::show_page(Exchange& exchange) {
  const auto address = service::client_address(exchange.request, trusted_);
  const bool head = exchange.request.method == Method::kHead;  // safe: counts nothing
  if (!store_ || head) {
    (void)co_await exchange.respond(page(address, head ? "" : "Database is not configured"));
    co_return;
  }
  const auto visit =
      co_await tally_->count(address, service::proxied_request_id(exchange.request, trusted_));
  if (visit) {
    (void)co_await exchange.respond(
        page(address, fmt::format("You have visited this page {} times. Total visitors: {}",
                                  visit->visits, visit->total)));
    co_return;
  }
  auto response = page(address, "Query to DB failed");
  response.status = 503;
  response.fields.add("Retry-After", "1");
  (void)co_await exchange.respond(std::move(response));
}

Response Visitors::page(const std::string& address, std::string_view line) const {
  auto response = Response::html(service::fill_page(
      embedded::page_html, {{"app_name", settings_.app_name},
                            {"version", settings_.version},
                            {"line", line},
                            {"database", tally_ ? tally_->database_version() : "none"},
                            {"ip", address},
                            {"user_name", settings_.user_name},
                            {"user_url", service::safe_link(settings_.user_url)}}));
  response.fields.add("Cache-Control", "no-store");
  response.fields.add("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.fields.add("X-Content-Type-Options", "nosniff");
  response.fields.add("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace visitors
