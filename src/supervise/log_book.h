// Under which names the output of an environment's processes goes to the log.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/log_sink.h"

namespace fairlead::supervise {

class LogBook {
 public:
  // `origin` is that of all lines but for replica and release.
  LogBook(control::LogSink sink, control::LogOrigin origin)
      : sink_(std::move(sink)), origin_(std::move(origin)) {}

  // From now on these texts are "***" in every line: the values of secrets. Those of fewer than
  // four bytes are not looked for: they would be found everywhere.
  void hide(std::vector<std::string> secrets);
  std::string redacted(std::string_view line) const;

  // Lines of the process `name` ("web.1", "web.1.v3") and how far its spool is read with them: see
  // control::LogSink.
  Result<> append(std::string_view name, std::span<const std::string_view> lines,
                  std::string_view spool, std::uint64_t position);
  // A line of Fairlead's own among those of the process: "[fairlead: <text>]".
  void note(std::string_view name, std::string_view text);

  std::uint64_t position(std::string_view spool) const { return sink_.position(spool); }
  void flush() { sink_.flush(); }
  void forget(std::string_view spool) { sink_.forget(spool); }

 private:
  control::LogOrigin origin_of(std::string_view name) const;
  control::LogSink sink_;
  control::LogOrigin origin_;
  std::vector<std::string> secrets_;  // longest first: one may be part of another
};

}  // namespace fairlead::supervise
