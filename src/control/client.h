#pragma once

#include <functional>
#include <string>

#include "control/api.h"
#include "http/client.h"
#include "io/loop.h"

namespace fairlead::control {

// Asks a running control over its Unix socket. Errors say that nothing runs there, where that is
// the case (kUnavailable), with what to do about it.
class ControlClient {
 public:
  ControlClient(io::Loop& loop, std::string socket);

  // The status as JSON, as it came; status_from_json() reads it.
  io::Task<Result<std::string>> status_json(io::Deadline deadline);
  // Calls `on_line` for every line until the end, or until it answers false.
  io::Task<Result<>> logs(LogQuery query, std::function<bool(const LogLine&)> on_line,
                          io::Deadline deadline);
  io::Task<Result<>> stop(io::Deadline deadline);

  // Any GET of the API; the body.
  io::Task<Result<std::string>> get(std::string target, io::Deadline deadline);
  io::Task<Result<>> put(std::string target, std::string json, io::Deadline deadline);
  // Any other request, with JSON or (DELETE) without.
  io::Task<Result<>> order(std::string method, std::string target, std::string json,
                           io::Deadline deadline);
  // Sends JSON and calls `on_line` for each line of the NDJSON that comes back.
  io::Task<Result<>> post_stream(std::string target, std::string json,
                                 std::function<void(std::string_view line)> on_line,
                                 io::Deadline deadline);

 private:
  io::Task<Result<>> read_lines(http::Request request,
                                std::function<Result<bool>(std::string_view line)> on_line,
                                io::Deadline deadline);
  io::Task<Result<http::Response>> ask(http::Request request, io::Deadline deadline);

  std::string socket_;
  http::Client client_;
};

}  // namespace fairlead::control
