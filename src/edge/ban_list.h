// Clients that are kept out for a while.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "edge/client_prefix.h"

namespace fairlead::edge {

struct Ban {
  ClientPrefix client;
  std::string reason;  // the rule's name, or what whoever added it says
  WallTime since;
  WallTime until;
  std::uint32_t times = 1;  // bans of this client that followed each other, this one included
};

// Who is banned, and who was lately: each ban that follows another one soon lasts twice as long.
// Holds at most kMax clients; the one whose ban ends first makes room. Any thread.
class BanList {
 public:
  static constexpr std::size_t kMax = 1 << 16;
  static constexpr Duration kLongest = std::chrono::hours(24 * 7);
  // Once a ban has ended, its client is remembered this many times its length.
  static constexpr int kRemember = 4;

  // Whether nobody can be banned at `now`. Costs one relaxed load.
  bool empty(WallTime now) const {
    return now.time_since_epoch().count() >= last_end_.load(std::memory_order_relaxed);
  }
  // Whether nobody was banned lately either.
  bool empty() const { return last_end_.load(std::memory_order_relaxed) == 0; }
  bool contains(const ClientPrefix& client, WallTime now) const;

  // Bans for `length`, doubled for each ban before it that is remembered. A client that is banned
  // already stays so for at least as long.
  Ban add(const ClientPrefix& client, std::string reason, Duration length, WallTime now);
  // False if it was not banned. Nothing of it is remembered.
  bool lift(const ClientPrefix& client, WallTime now);
  // Those that hold, the latest first.
  std::vector<Ban> current(WallTime now) const;

  // All of it as text (JSON), and back; what has ended and is forgotten is left out.
  std::string save(WallTime now) const;
  Result<> load(std::string_view text, WallTime now);

 private:
  void put(Ban ban);
  void drop(std::map<ClientPrefix, Ban>::iterator place);
  void drop_forgotten(WallTime now);
  void find_last_end();
  static WallTime forgotten(const Ban& ban) {
    return ban.until + kRemember * (ban.until - ban.since);
  }

  mutable std::shared_mutex mutex_;
  std::atomic<std::int64_t> last_end_ = 0;  // of all, since the epoch; 0 without any
  std::map<ClientPrefix, Ban> bans_;
  std::set<std::pair<WallTime, ClientPrefix>> by_end_;
};

}  // namespace fairlead::edge
