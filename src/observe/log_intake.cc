#include "observe/log_intake.h"

namespace fairlead::observe {

LogIntake::LogIntake(io::Loop& loop, LogStore& store)
    : store_(store), loop_(loop), flush_(loop, [this] { flush(); }) {}

StreamId LogIntake::stream(const control::LogOrigin& origin) {
  LogLabels labels{.app = origin.app,
                   .environment = origin.environment,
                   .release = origin.release,
                   .replica = origin.replica,
                   .source = origin.source};
  const auto found = streams_.find(labels);
  if (found != streams_.end()) return found->second;
  const StreamId id = store_.stream(labels);
  return streams_.emplace(std::move(labels), id).first->second;
}

Result<> LogIntake::append(const control::LogOrigin& origin,
                           std::span<const std::string_view> lines, std::string_view spool,
                           std::uint64_t position) {
  const StreamId id = stream(origin);
  lines_.clear();
  for (const auto line : lines) lines_.push_back({id, line});
  TRY_VOID(
      store_.append(lines_, spool.empty() ? std::nullopt : std::optional(Mark{spool, position})));
  if (!flush_.armed()) flush_.arm(loop_.now() + kFlushAfter);
  return {};
}

void LogIntake::event(const control::LogOrigin& about, telemetry::Level level,
                      std::string_view message, std::initializer_list<telemetry::LogField> fields) {
  std::string line = R"({"level":)";
  telemetry::append_json_string(line, to_string(level));
  line += R"(,"message":)";
  telemetry::append_json_string(line, message);
  for (const auto& field : fields) telemetry::append_json_member(line, field);
  line += '}';
  const std::string_view view = line;
  control::LogOrigin origin = about;
  origin.source = "control";
  // A log that takes nothing is told of in its own status. Events are few and have no spool that
  // would bring them back after our death, so each is written at once.
  static_cast<void>(append(origin, {&view, 1}, {}, 0));
  flush();
}

void LogIntake::flush() {
  // What could not be written stays with the store, and goes with the next lines.
  if (!store_.flush()) flush_.arm(loop_.now() + 1s);
}

control::LogSink LogIntake::sink() {
  return {
      .append = [this](const control::LogOrigin& origin, std::span<const std::string_view> lines,
                       std::string_view spool,
                       std::uint64_t position) { return append(origin, lines, spool, position); },
      .position = [this](std::string_view spool) { return store_.position(spool); },
      .flush = [this] { flush(); },
      .forget = [this](std::string_view spool) { store_.forget(spool); }};
}

}  // namespace fairlead::observe
