#include "countme.h"

#include <fmt/format.h>

#include "redis_counter.h"
#include "sql_counter.h"

namespace countme {

using namespace fairlead;
using http::Exchange, http::Method, http::PathParameters, http::Response;
using io::Task;

Result<std::unique_ptr<service::App>> Countme::make(service::Context& context) {
  TRY(const auto sqlite, database(context.environment));
  std::unique_ptr<Counter> counter;
  if (sqlite) {
    counter = std::make_unique<SqlCounter>(context.loop, *sqlite);
  } else {
    TRY(const auto text,
        store::parse_store_url("REDIS_URL",
                               context.environment.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
                               {"redis", "unix"}));
    TRY(auto url, store::redis_url(text));
    counter = std::make_unique<RedisCounter>(context.loop, std::move(url), context.log);
  }
  std::unique_ptr<Countme> app(new Countme(context.trusted, std::move(counter)));
  context.router.add(Method::kGet, "/", [app = app.get()](Exchange& exchange, PathParameters) {
    return app->greet(exchange);
  });
  return app;
}

Task<void> Countme::greet(Exchange& exchange) {
  if (exchange.request.method == Method::kHead) {  // safe: counts nothing
    (void)co_await exchange.respond(Response::html(""));
    co_return;
  }
  const auto number =
      co_await counter_->next(service::proxied_request_id(exchange.request, trusted_));
  (void)co_await exchange.respond(
      number ? Response::html(fmt::format("Hello World! I have been seen {} times.\n", *number))
             : service::store_unavailable(number.error()));
}

}  // namespace countme
