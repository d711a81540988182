#include "redis_counter.h"

#include "service/store_metrics.h"

namespace countme {

using namespace fairlead;
using io::Task;

namespace {

constexpr Duration kTimeout = 5s;
constexpr const char* kKey = "hits";
constexpr const char* kRememberedSeconds = "30";

constexpr const char* kScript = R"lua(
local known = redis.call('GET', KEYS[2])
if known then return tonumber(known) end
local n = redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[2], n, 'EX', ARGV[1])
return n)lua";

}  // namespace

Task<Result<std::int64_t>> RedisCounter::next(std::string request_id) {
  const auto deadline = io::Deadline::in(kTimeout);
  Result<store::RedisReply> reply = fail(Code::kInternal, "");
  if (request_id.empty()) {
    std::vector<std::string> increment = {"INCR", kKey};
    reply = co_await redis_.command(std::move(increment), deadline);
  } else {
    reply = co_await run_script(request_id, deadline);
    // Redis has forgotten the script, as it does when it is restarted: nothing was counted.
    if (!reply && reply.error().code() == Code::kNotFound) {
      script_.clear();
      reply = co_await run_script(std::move(request_id), deadline);
    }
  }
  if (!reply) co_return fail(std::move(reply).error());
  co_return reply->integer;
}

Task<Result<store::RedisReply>> RedisCounter::run_script(std::string request_id,
                                                         io::Deadline deadline) {
  if (script_.empty()) {
    std::vector<std::string> load = {"SCRIPT", "LOAD", kScript};
    CO_TRY(auto digest, co_await redis_.command(std::move(load), deadline));
    script_ = std::move(digest.text);
  }
  std::vector<std::string> words = {
      "EVALSHA", script_, "2", kKey, "hits:request:" + std::move(request_id), kRememberedSeconds};
  co_return co_await redis_.command(std::move(words), deadline);
}

Task<Result<>> RedisCounter::ready(io::Deadline deadline) {
  std::vector<std::string> ping = {"PING"};
  CO_TRY([[maybe_unused]] const auto pong, co_await redis_.command(std::move(ping), deadline));
  if (std::exchange(durability_known_, true)) co_return Result<>{};
  std::vector<std::string> ask = {"CONFIG", "GET", "appendonly"};
  const auto append_only = co_await redis_.command(std::move(ask), deadline);
  if (append_only && append_only->elements.size() == 2 && append_only->elements[1].text == "no")
    log_.warn("Redis keeps no append-only file: after a crash of Redis numbers are given twice",
              {{"hint", "start Redis with --appendonly yes"}});
  co_return Result<>{};
}

void RedisCounter::add_metrics(telemetry::MetricsText& text) const {
  service::add_store_metrics(text, redis_.stats());
}

}  // namespace countme
