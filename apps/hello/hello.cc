#include "hello.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "birthday.h"

namespace hello {

using namespace fairlead;
using http::Exchange, http::Method, http::PathParameters, http::Response;
using io::Task;

namespace {

constexpr Duration kTimeout = 5s;
constexpr std::size_t kMaxName = 255;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

Task<void> answer(Exchange& exchange, Response response) {
  (void)co_await exchange.respond(std::move(response));
}

}  // namespace

Result<std::string> date_of_birth(const std::string& body, std::string_view latest) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded() || !json.is_object())
    return fail(Code::kInvalid, "the body is no JSON object");
  const auto found = json.find("dateOfBirth");
  if (found == json.end() || !found->is_string())
    return fail(Code::kInvalid, "the body has no dateOfBirth that is a string");
  const auto date = parse_date(found->get_ref<const std::string&>());
  if (!date) return fail(Code::kInvalid, "dateOfBirth is no date of the calendar, YYYY-MM-DD");
  const auto text = format_date(*date);
  if (text > latest) return fail(Code::kInvalid, "dateOfBirth lies in the future");
  return text;
}

Result<std::unique_ptr<service::App>> Hello::make(service::Context& context) {
  TRY(auto birthdays, open_birthdays(context.loop, context.environment));
  std::unique_ptr<Hello> app(new Hello(std::move(birthdays)));
  app->add_routes(context.router);
  return app;
}

void Hello::add_routes(http::Router& router) {
  router.add(Method::kGet, "/", [](Exchange& exchange, PathParameters) {
    return answer(exchange, Response::text(""));
  });
  router.add(Method::kPut, "/hello/{username}",
             [this](Exchange& exchange, PathParameters parameters) {
               return put(exchange, std::move(parameters[0].second));
             });
  router.add(Method::kGet, "/hello/{username}",
             [this](Exchange& exchange, PathParameters parameters) {
               return greet(exchange, std::move(parameters[0].second));
             });
}

Task<void> Hello::put(Exchange& exchange, std::string name) {
  const auto body = co_await exchange.read_body();
  if (!body) co_return;  // the server tells the client why
  if (!is_name(name))
    co_return co_await answer(
        exchange, Response::problem(400, "Bad Request", "a username is made of letters a to z"));
  auto date = date_of_birth(*body, format_date(today()));
  if (!date)
    co_return co_await answer(exchange,
                              Response::problem(400, "Bad Request", date.error().message()));
  const auto stored =
      co_await birthdays_->put(std::move(name), *std::move(date), io::Deadline::in(kTimeout));
  if (!stored) co_return co_await answer(exchange, service::store_unavailable(stored.error()));
  Response done;
  done.status = 204;
  co_await answer(exchange, std::move(done));
}

Task<void> Hello::greet(Exchange& exchange, std::string name) {
  Result<std::optional<std::string>> found = std::nullopt;
  if (is_name(name)) found = co_await birthdays_->find(name, io::Deadline::in(kTimeout));
  if (!found) co_return co_await answer(exchange, service::store_unavailable(found.error()));
  const auto birth = *found ? parse_date(**found) : std::nullopt;
  if (!birth)
    co_return co_await answer(exchange,
                              Response::problem(404, "Not Found", "nobody put this username"));
  const int days = days_to_birthday(*birth, today());
  co_await answer(
      exchange, Response::json(
                    days == 0 ? fmt::format("{{\"message\":\"Hello {}! Happy birthday!\"}}\n", name)
                              : fmt::format("{{\"message\":\"Hello {}! Your birthday is in "
                                            "{} day(s)\"}}\n",
                                            name, days)));
}

}  // namespace hello
