// Counts visits in the database so that each gets a number of its own, however many come at once.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "service/batches.h"
#include "store/database.h"

namespace visitors {

struct Visit {
  std::int64_t visits;  // of this address, this one included
  std::int64_t total;   // addresses that have visited
};

// Visits of one address that come while one of its visits is being counted wait, and are then
// counted together, in one transaction that adds their number; each takes its place in it. An
// address thus has at most one transaction under way in this process, and a busy address costs one
// commit for many visits. All that share a transaction fail with it.
class Tally {
 public:
  Tally(fairlead::io::Loop& loop, fairlead::store::Database& database)
      : loop_(loop), database_(database) {}

  // `request_id`, unless empty, names the request: a proxy that sends it again within a minute, as
  // a replica died before it answered, does not have it counted again.
  fairlead::io::Task<fairlead::Result<Visit>> count(std::string address, std::string request_id);
  // What the database says of itself; "" before the first visit.
  const std::string& database_version() const { return version_; }

 private:
  struct Batch {
    std::int64_t size = 0;     // visits that joined
    std::int64_t unnamed = 0;  // of them, those without request ID
    std::string request_ids;   // of the others: the members of a JSON array

    std::int64_t counted = 0;  // visits that were not known yet
    Visit after{};             // as the last of the batch sees it
  };
  fairlead::io::Task<fairlead::Result<>> write(std::string address, Batch& batch);

  fairlead::io::Loop& loop_;
  fairlead::store::Database& database_;
  std::unordered_map<std::string, fairlead::service::Batches<Batch>> by_address_;  // not idle
  std::string version_;
  fairlead::Instant version_until_{};
  fairlead::Instant forget_at_{};
};

}  // namespace visitors
