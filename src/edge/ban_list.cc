#include "edge/ban_list.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

namespace fairlead::edge {

namespace {

using Json = nlohmann::ordered_json;

std::int64_t seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}
bool is_whole(const Json& entry) {
  const auto has = [&](const char* name, auto fits) {
    return entry.contains(name) && (entry[name].*fits)();
  };
  return entry.is_object() && has("client", &Json::is_string) && has("reason", &Json::is_string) &&
         has("since", &Json::is_number_integer) && has("until", &Json::is_number_integer) &&
         has("times", &Json::is_number_unsigned);
}
WallTime from_seconds(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

}  // namespace

bool BanList::contains(const ClientPrefix& client, WallTime now) const {
  if (empty(now)) return false;
  const std::shared_lock lock(mutex_);
  const auto found = bans_.find(client);
  return found != bans_.end() && found->second.until > now;
}

void BanList::drop(std::map<ClientPrefix, Ban>::iterator place) {
  by_end_.erase({place->second.until, place->first});
  bans_.erase(place);
}

void BanList::put(Ban ban) {
  if (const auto known = bans_.find(ban.client); known != bans_.end()) drop(known);
  if (bans_.size() >= kMax) drop(bans_.find(by_end_.begin()->second));
  by_end_.emplace(ban.until, ban.client);
  const ClientPrefix client = ban.client;
  bans_.emplace(client, std::move(ban));
  find_last_end();
}

void BanList::find_last_end() {
  last_end_.store(by_end_.empty() ? 0 : by_end_.rbegin()->first.time_since_epoch().count(),
                  std::memory_order_relaxed);
}

// Those that ended first; a few at a time, so that no call takes long.
void BanList::drop_forgotten(WallTime now) {
  for (int n = 0; n < 16 && !by_end_.empty(); ++n) {
    const auto first = bans_.find(by_end_.begin()->second);
    if (forgotten(first->second) > now) return;
    drop(first);
  }
}

Ban BanList::add(const ClientPrefix& client, std::string reason, Duration length, WallTime now) {
  const std::unique_lock lock(mutex_);
  drop_forgotten(now);
  Ban ban{.client = client, .reason = std::move(reason), .since = now, .until = now + length};
  if (const auto known = bans_.find(client); known != bans_.end()) {
    const Ban& before = known->second;
    if (before.until > now) {
      ban.times = before.times;
      ban.since = before.since;
      ban.until = std::max(ban.until, before.until);
    } else if (forgotten(before) > now) {
      ban.times = before.times + 1;
      const Duration longer = length * (1ll << std::min(ban.times - 1, 20u));
      ban.until = now + std::min(longer, std::max(length, kLongest));
    }
  }
  put(ban);
  return ban;
}

bool BanList::lift(const ClientPrefix& client, WallTime now) {
  const std::unique_lock lock(mutex_);
  const auto known = bans_.find(client);
  if (known == bans_.end()) return false;
  const bool held = known->second.until > now;
  drop(known);
  find_last_end();
  return held;
}

std::vector<Ban> BanList::current(WallTime now) const {
  std::vector<Ban> found;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [client, ban] : bans_)
      if (ban.until > now) found.push_back(ban);
  }
  std::ranges::sort(found, std::ranges::greater(), &Ban::since);
  return found;
}

std::string BanList::save(WallTime now) const {
  Json all = Json::array();
  const std::shared_lock lock(mutex_);
  for (const auto& [client, ban] : bans_) {
    if (forgotten(ban) <= now) continue;
    all.push_back({{"client", client.to_string()},
                   {"reason", ban.reason},
                   {"since", seconds(ban.since)},
                   {"until", seconds(ban.until)},
                   {"times", ban.times}});
  }
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<> BanList::load(std::string_view text, WallTime now) {
  const Json all = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!all.is_array()) return fail(Code::kInvalid, "not a list of bans");
  const std::unique_lock lock(mutex_);
  for (const Json& entry : all) {
    if (!is_whole(entry)) return fail(Code::kInvalid, "a ban that is not whole");
    const auto client = ClientPrefix::parse(entry["client"].get<std::string>());
    if (!client) return fail(Code::kInvalid, "a ban without a client");
    Ban ban{.client = *client,
            .reason = entry["reason"].get<std::string>(),
            .since = from_seconds(entry["since"].get<std::int64_t>()),
            .until = from_seconds(entry["until"].get<std::int64_t>()),
            .times = entry["times"].get<std::uint32_t>()};
    if (forgotten(ban) > now) put(std::move(ban));
  }
  return {};
}

}  // namespace fairlead::edge
