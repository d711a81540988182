// What to look for in the log.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "observe/log_line.h"
#include "observe/log_segment.h"

namespace fairlead::observe {

// Every condition that is set must hold. Labels are compared whole.
struct LogQuery {
  std::string app, environment, release, replica, source;  // "": any
  std::optional<Level> least_level;                        // lines without a level do not match
  std::uint16_t status_from = 0, status_to = 0;            // inclusive; {500, 599}; 0: any
  std::string request_id;
  // Each must stand in the line, in any case of its ASCII letters, with no word byte (words.h)
  // right before or after it: "time" is in "read time-out", not in "timeout".
  std::vector<std::string> terms;
  std::optional<WallTime> from, to;  // from <= time < to
  std::size_t limit = 100;           // lines of a page
  // A search that has not filled its page by then gives what it has.
  Instant give_up = Instant::max();
};

// `connection "out of memory"` → {connection, out of memory}.
std::vector<std::string> parse_terms(std::string_view text);

struct LogPage {
  std::vector<LogLine> lines;
  // Where the next page begins (`before` of newest(), `after` of following()); nothing when all has
  // been searched.
  std::optional<std::uint64_t> next;
  // Damaged files and blocks that had to be left out.
  std::vector<std::string> problems;
};

// A query made ready for many segments.
class LogSearch {
 public:
  explicit LogSearch(LogQuery query);
  const LogQuery& query() const { return query_; }

  // The blocks of `segment` that may hold matches.
  Result<BlockSet> candidates(const SegmentView& segment) const;
  // Adds the matches in `block` whose sequence is in (after, before), oldest first.
  Result<> search(const SegmentView& segment, const Block& block, std::uint64_t after,
                  std::uint64_t before, std::vector<LogLine>& found) const;

 private:
  void look_for(IndexedField field, const std::string& value);
  bool matches(const LogLabels& labels) const;
  bool matches(const FrameEntry& line, std::string_view lower_text) const;
  Result<> search_frames(const SegmentView& segment, const std::string& frames, std::uint64_t after,
                         std::uint64_t before, std::vector<LogLine>& found) const;

  LogQuery query_;
  std::int64_t from_ = INT64_MIN, to_ = INT64_MAX;  // µs
  // One word of each group must be in the block.
  std::vector<std::vector<WordHash>> groups_;
};

}  // namespace fairlead::observe
