#include "redis_birthdays.h"

namespace hello {

using namespace fairlead;
using io::Task;

namespace {
constexpr const char* kKey = "birthdays";
}

Task<Result<std::optional<std::string>>> RedisBirthdays::find(std::string name,
                                                              io::Deadline deadline) {
  std::vector<std::string> words = {"HGET", kKey, std::move(name)};
  CO_TRY(auto reply, co_await redis_.command(std::move(words), deadline));
  if (reply.kind == store::RedisReply::Kind::kNil) co_return std::nullopt;
  co_return std::move(reply.text);
}

Task<Result<>> RedisBirthdays::put(std::string name, std::string date, io::Deadline deadline) {
  std::vector<std::string> words = {"HSET", kKey, std::move(name), std::move(date)};
  CO_TRY([[maybe_unused]] const auto reply, co_await redis_.command(std::move(words), deadline));
  co_return Result<>{};
}

Task<Result<>> RedisBirthdays::ready(io::Deadline deadline) {
  std::vector<std::string> ping = {"PING"};
  CO_TRY([[maybe_unused]] const auto pong, co_await redis_.command(std::move(ping), deadline));
  co_return Result<>{};
}

}  // namespace hello
