// What the control API says, as plain values and as JSON. Version 1: keys are only ever added.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace fairlead::control {

// Where a process is in its life:
//
//   starting → ready → stopping → stopped
//      ↑ └──────┴──→ backing off ─┐
//      └──────────── crash loop ←─┘   (both start it again when their wait is over)
enum class ProcessState : std::uint8_t {
  kStarting,
  kReady,
  kStopping,
  kStopped,
  kBackingOff,  // it ended, and is started again after a wait
  kCrashLoop,   // the same, again and again
};
std::string_view to_string(ProcessState state);  // "ready", "backing off"

// One readiness probe: what was asked, and what came back.
struct ProbeEvidence {
  std::string request;       // "GET /readyz"
  std::string address;       // "unix:/run/…" or "127.0.0.1:34001"
  std::uint16_t status = 0;  // 0: there was no answer
  std::string location;      // of a redirect
  std::string body;          // its beginning
  std::string error;         // why there was no answer
};

// What went wrong, for those who branch on it.
enum class FailureKind : std::uint8_t {
  kOther,
  kExited,       // it ended, before it was ready or later
  kOutOfMemory,  // the kernel ended it at its limit
  kNotReady,     // it ran, and its probe was not answered 2xx in time
  kWrongPort,    // the same, and it listens where nobody asked it to
};

// Everything that is known about why a process ended or never became ready.
struct Failure {
  WallTime at{};
  FailureKind kind = FailureKind::kOther;
  std::string cause;  // "exit status 3 after 40ms", "not ready within 30.0s"
  int exit_code = 0;
  int signal = 0;
  bool out_of_memory = false;
  std::uint64_t memory_peak = 0;  // bytes; 0 where it is not known
  std::optional<ProbeEvidence> probe;
  std::vector<std::string> listening;   // where it listened instead: "127.0.0.1:3000"
  std::vector<std::string> last_lines;  // of its log
  std::string next_step;                // what to try
};

struct ProcessStatus {
  std::string name;     // "web.1", "edge"
  std::string type;     // "web"
  std::string release;  // "v3"; "" where there are no releases
  ProcessState state = ProcessState::kStopped;
  pid_t pid = 0;        // 0 while it does not run
  std::string address;  // where it is served from; "" until it is ready
  WallTime since{};     // of this state
  unsigned restarts = 0;
  std::uint64_t memory = 0;        // bytes in use; 0 where it is not known
  std::uint64_t memory_limit = 0;  // 0 for none
  std::optional<Failure> failure;  // the last one
};

struct EnvironmentStatus {
  std::string app;
  std::string environment;
  std::string version;  // reaches the app as APP_VERSION
  std::string store;    // its DATABASE_URL without the password; "" for none
  std::string mode;     // "serving", "paused", "maintenance", "stopped"; "" in the `up` form
  std::vector<std::string> urls;
  std::vector<ProcessStatus> processes;
};

struct Status {
  std::string version;  // Fairlead's
  pid_t pid = 0;
  WallTime started{};
  std::string state_folder;
  std::string log_folder;
  ProcessStatus edge;
  std::vector<std::string> listeners;  // "http://127.0.0.1:8080"
  std::vector<EnvironmentStatus> environments;
  std::string dashboard;           // its URL; "" for none
  std::vector<std::string> notes;  // what this machine does not enforce, and why
};

struct LogLine {
  WallTime time{};
  std::string replica;  // "web.1"; "release" and "build" too
  std::string text;     // without the newline
  // Empty or 0 where it does not apply.
  std::string app, environment;
  std::string release;       // "v3"
  std::string source;        // "app", "edge", "control", "service"
  std::string level;         // "debug", "info", "warn", "error"
  std::uint16_t status = 0;  // HTTP
  std::string request_id;
};

// Every condition that is set must hold.
struct LogQuery {
  std::string app, environment, release, source;  // "": any
  std::vector<std::string> replicas;              // names or process types; empty: all
  std::string grep;                               // words, and "quoted phrases": all of them
  std::string level;                              // at least that
  std::uint16_t status_from = 0, status_to = 0;   // inclusive
  std::string request_id;
  std::optional<WallTime> since, until;
  std::size_t tail = 0;  // at most so many of the newest; 0: all
  bool follow = false;   // go on with what comes
};

// "500" and "5xx".
Result<std::pair<std::uint16_t, std::uint16_t>> parse_status_range(std::string_view text);
std::string query_string(const LogQuery& query);  // "app=shop&tail=200"

std::string to_json(const Status& status);
Result<Status> status_from_json(std::string_view text);
std::string to_json(const LogLine& line);  // one line, no newline: NDJSON
Result<LogLine> log_line_from_json(std::string_view text);

// "2026-11-20T13:39:18.123456Z" and the shorter forms of RFC 3339 in UTC; kInvalid for all else.
Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace fairlead::control
