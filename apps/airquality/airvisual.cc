#include "airvisual.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "store/backoff.h"

namespace airquality {

using namespace fairlead;
using io::Task;

namespace {

constexpr Duration kAttemptTimeout = 3s;
constexpr Duration kTotalTimeout = 8s;
constexpr int kAttempts = 3;
constexpr int kFailuresToOpen = 5;
constexpr Duration kOpen = 10s;

bool may_help_to_retry(const Error& error) {
  return error.code() == Code::kUnavailable || error.code() == Code::kClosed ||
         error.code() == Code::kTimeout;
}

// What happened, in words of our own: the client's name the target, which holds the key.
Error without_target(Code code) {
  if (code == Code::kTimeout) return Error(code, "AirVisual did not answer in time");
  if (code == Code::kProtocol) return Error(code, "AirVisual's answer is no HTTP");
  if (code == Code::kTooLarge) return Error(Code::kProtocol, "AirVisual's answer is too large");
  if (code == Code::kClosed) return Error(code, "AirVisual closed the connection unanswered");
  return Error(Code::kUnavailable, "AirVisual cannot be reached");
}

}  // namespace

Result<Reading> parse_reading(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const nlohmann::json::json_pointer city("/data/city"), index("/data/current/pollution/aqius");
  if (json.is_discarded() || !json.is_object() ||
      json.value("status", nlohmann::json()) != "success" || !json.contains(city) ||
      !json[city].is_string() || !json.contains(index) || !json[index].is_number_integer())
    return fail(Code::kProtocol, "AirVisual's answer is not understood");
  return Reading{json[city].get<std::string>(), json[index].get<std::int64_t>()};
}

Result<std::unique_ptr<AirVisual>> AirVisual::create(io::Loop& loop, const std::string& url,
                                                     std::string_view key) {
  TRY(auto where, http::parse_url("AIRVISUAL_URL", url));
  std::unique_ptr<AirVisual> made(new AirVisual(loop));
  TRY(made->client_, http::NamedClient::create(loop, std::move(where)));
  made->key_ = http::percent_encode(key);
  return made;
}

Task<Result<Reading>> AirVisual::nearest(Place place) {
  const auto deadline = io::Deadline::in(kTotalTimeout);
  store::Backoff backoff(100ms, 1s);
  for (int attempt = 1;; ++attempt) {
    if (now() < open_until_) {
      ++stats_.refused;
      co_return fail(Code::kUnavailable,
                     "AirVisual failed repeatedly and is not asked for a while");
    }
    // While it is not known whether AirVisual is back, one request finds out.
    if (failures_ >= kFailuresToOpen) open_until_ = now() + kOpen;
    ++stats_.asked;
    auto reading = co_await ask(place, deadline.within(kAttemptTimeout));
    note(reading.has_value());
    if (reading || attempt == kAttempts || !may_help_to_retry(reading.error()) || deadline.passed())
      co_return reading;
    (void)co_await io::sleep(loop_, backoff.next(), deadline);
  }
}

void AirVisual::note(bool success) {
  if (success) {
    failures_ = 0;
    open_until_ = {};
    return;
  }
  ++stats_.failed;
  if (++failures_ >= kFailuresToOpen) open_until_ = now() + kOpen;
}

Task<Result<Reading>> AirVisual::ask(Place place, io::Deadline deadline) {
  http::Request request;
  request.target = fmt::format("/v2/nearest_city?{}&key={}", place.query(), key_);
  request.fields.add("Accept", "application/json");
  auto response = co_await client_->send(std::move(request), deadline);
  if (!response) co_return fail(without_target(response.error().code()));
  if (response->status >= 500)
    co_return fail(Code::kUnavailable, fmt::format("AirVisual answered {}", response->status));
  if (response->status != 200)  // a wrong key, over quota: asking again makes it worse
    co_return fail(Code::kProtocol, fmt::format("AirVisual answered {}", response->status));
  co_return parse_reading(response->body);
}

}  // namespace airquality
