// The guard at the door: rules against misbehaviour, and who is kept out because of them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "control/snapshot.h"
#include "edge/access_log.h"
#include "edge/address_set.h"
#include "edge/ban_list.h"
#include "edge/connection_counts.h"
#include "edge/offence_table.h"

namespace fairlead::edge {

// One offence, as it is told in the log. Views live as long as the call.
struct Offence {
  std::string_view client;  // its address, without port
  std::uint16_t status = 0;
  std::string_view host;
  std::string_view path;
};

// Shared by all loops; any thread may call anything but prepare().
class Guard {
 public:
  // `changed` is called, on any thread, when the list of bans has changed; until the next start().
  void start(std::function<void()> changed);

  // Makes what the snapshot's rules need, before a loop works by them.
  Result<> prepare(const control::Snapshot& snapshot);

  BanList& bans() { return bans_; }
  // For snapshots that limit the connections of a client.
  ConnectionCounts& connections() { return *connections_; }
  AccessLog& log() { return log_; }

  bool keeps_out(std::string_view address) const;

  // Whether `rule` is about this answer.
  static bool concerns(const control::BanRule& rule, std::uint16_t status, std::string_view path);
  // Counts it, writes it down, and bans the client where that is one too many.
  void note(const control::BanRule& rule, const Offence& offence, const AddressSet& spared);

  // By hand. kDenied for a client that is in `spared` or loopback.
  Result<Ban> add(const ClientPrefix& client, std::string reason, Duration length,
                  const AddressSet& spared);
  bool lift(const ClientPrefix& client);

 private:
  void write(std::string_view line);
  void tell();

  BanList bans_;
  std::unique_ptr<OffenceTable> offences_;
  std::unique_ptr<ConnectionCounts> connections_;
  AccessLog log_;
  std::string log_path_;
  std::mutex mutex_;
  std::function<void()> changed_;
};

// "/login*" or a whole path; no patterns fit every path.
bool path_fits(const std::vector<std::string>& patterns, std::string_view path);

}  // namespace fairlead::edge
