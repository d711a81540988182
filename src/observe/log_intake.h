// How lines get into the log store: from processes' spools, and from control itself.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "control/log_sink.h"
#include "io/loop.h"
#include "observe/log_store.h"
#include "telemetry/log.h"

namespace fairlead::observe {

// Belongs to one loop's thread. Loop and store outlive it.
class LogIntake {
 public:
  // Lines can be found, and survive a death, after so long.
  static constexpr Duration kFlushAfter = 100ms;

  LogIntake(io::Loop& loop, LogStore& store);

  // What supervise hands lines to. The intake outlives it.
  control::LogSink sink();
  Result<> append(const control::LogOrigin& origin, std::span<const std::string_view> lines,
                  std::string_view spool, std::uint64_t position);
  // An event of control's own, as a JSON line: "a release is live", "an alert fires".
  void event(const control::LogOrigin& about, telemetry::Level level, std::string_view message,
             std::initializer_list<telemetry::LogField> fields = {});
  void flush();

 private:
  StreamId stream(const control::LogOrigin& origin);
  LogStore& store_;
  io::Loop& loop_;
  std::map<LogLabels, StreamId> streams_;
  std::vector<NewLine> lines_;  // of one call; kept for its memory
  io::Timer flush_;
};

}  // namespace fairlead::observe
