#include "edge/guard.h"

#include <algorithm>

namespace fairlead::edge {

bool path_fits(const std::vector<std::string>& patterns, std::string_view path) {
  for (const std::string_view pattern : patterns) {
    if (pattern.ends_with('*')) {
      if (path.starts_with(pattern.substr(0, pattern.size() - 1))) return true;
    } else if (path == pattern) {
      return true;
    }
  }
  return patterns.empty();
}

Result<> Guard::prepare(const control::Snapshot& snapshot) {
  const auto has_rules = [](const control::Route& route) { return !route.bans.empty(); };
  const bool rules =
      snapshot.guard.broken.count != 0 || std::ranges::any_of(snapshot.routes, has_rules);
  if (rules && !offences_) offences_ = std::make_unique<OffenceTable>();
  if (snapshot.guard.client_connections != 0 && !connections_)
    connections_ = std::make_unique<ConnectionCounts>();
  if (snapshot.guard.log == log_path_) return {};
  TRY_VOID(log_.open(snapshot.guard.log));
  log_path_ = snapshot.guard.log;
  return {};
}

bool Guard::keeps_out(std::string_view address) const {
  if (bans_.empty()) return false;
  const WallTime time = wall_now();
  if (bans_.empty(time)) return false;
  const auto client = ClientPrefix::parse(address);
  return client && bans_.contains(*client, time);
}

bool Guard::concerns(const control::BanRule& rule, std::uint16_t status, std::string_view path) {
  return std::ranges::find(rule.statuses, status) != rule.statuses.end() &&
         path_fits(rule.paths, path);
}

// What the client can choose stands last, so that it cannot pretend to be another line's part.
void Guard::note(const control::BanRule& rule, const Offence& offence, const AddressSet& spared) {
  const auto client = ClientPrefix::parse(offence.client);
  if (!client || client->is_loopback() || spared.contains(offence.client)) return;
  const WallTime time = wall_now();
  write(fmt::format("{} offence rule={} client={} status={} host={} path={}\n", rfc3339(time),
                    rule.name, offence.client, offence.status, offence.host, offence.path));
  const bool too_many =
      offences_->count(number_of(rule.name, client->bytes()), rule.count,
                       std::chrono::milliseconds(rule.within_ms), fairlead::now());
  if (!too_many || bans_.contains(*client, time)) return;
  const Ban ban = bans_.add(*client, rule.name, std::chrono::milliseconds(rule.ban_ms), time);
  write(fmt::format("{} ban rule={} client={} seconds={}\n", rfc3339(time), rule.name,
                    offence.client, (ban.until - ban.since) / 1s));
  tell();
}

Result<Ban> Guard::add(const ClientPrefix& client, std::string reason, Duration length,
                       const AddressSet& spared) {
  std::string address = client.to_string();
  address = address.substr(0, address.find('/'));
  if (client.is_loopback() || spared.contains(address))
    return fail(Code::kDenied, fmt::format("{} is allowed in always: loopback, a trusted proxy, or "
                                           "in the list of the allowed",
                                           address));
  Ban ban = bans_.add(client, std::move(reason), length, wall_now());
  tell();
  return ban;
}

bool Guard::lift(const ClientPrefix& client) {
  const bool held = bans_.lift(client, wall_now());
  if (held) tell();
  return held;
}

void Guard::start(std::function<void()> changed) {
  const std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void Guard::tell() {
  const std::lock_guard lock(mutex_);
  if (changed_) changed_();
}

void Guard::write(std::string_view line) {
  if (log_.enabled()) log_.submit(std::string(line), 1);
}

}  // namespace fairlead::edge
