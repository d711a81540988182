// What AirVisual said lately, so that it is asked seldom.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "airvisual.h"
#include "io/sync.h"

namespace airquality {

struct Answer {
  Reading reading;
  fairlead::Duration age{};
  bool stale = false;  // AirVisual failed; this is what it said last
};

struct ReadingsStats {
  std::uint64_t fresh = 0;   // answered from memory
  std::uint64_t asked = 0;   // AirVisual was asked
  std::uint64_t merged = 0;  // waited for the answer to another's question
  std::uint64_t stale = 0;   // answered with what was known, as AirVisual failed
};

// Keeps readings for `freshness`, and up to a day for when AirVisual fails; at most 10,000 places,
// those that were asked for last. Questions about a place that is being asked about wait for that
// answer.
class Readings {
 public:
  Readings(fairlead::io::Loop& loop, AirVisual& airvisual, fairlead::Duration freshness)
      : loop_(loop), airvisual_(airvisual), freshness_(freshness) {}

  // Fails as AirVisual::nearest() does, if there is nothing to fall back on.
  fairlead::io::Task<fairlead::Result<Answer>> at(Place place);
  const ReadingsStats& stats() const { return stats_; }
  fairlead::Duration freshness() const { return freshness_; }

 private:
  struct Question;
  struct Entry {
    std::string place;
    std::optional<Reading> reading;
    fairlead::Instant since{};
    std::shared_ptr<Question> question;  // while AirVisual is being asked
  };
  using Entries = std::list<Entry>;

  Entries::iterator find(const std::string& place);
  void forget_oldest();
  fairlead::Result<Answer> fall_back(Entries::iterator entry, const fairlead::Error& why);

  fairlead::io::Loop& loop_;
  AirVisual& airvisual_;
  const fairlead::Duration freshness_;
  Entries entries_;  // asked for last first
  std::unordered_map<std::string, Entries::iterator> by_place_;
  ReadingsStats stats_;
};

}  // namespace airquality
