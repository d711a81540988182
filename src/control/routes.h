// The control API's routes: version 1, for the CLI and everything else that asks control. Over a
// Unix socket; only the user that control runs as, and root, are answered (peer credentials).
//
//   GET  /v1/version             {"version":"0.1.0"}
//   GET  /v1/status              Status
//   GET  /v1/logs                LogLine as NDJSON; ?app= ?environment= ?release= ?source=
//                                ?replica= (may be repeated) ?grep= ?level= ?status=5xx ?request=
//                                ?since= ?until= ?tail= ?follow=1
//   POST /v1/stop                202; then control stops everything and ends
#pragma once

#include <functional>

#include "control/api.h"
#include "control/log_source.h"
#include "http/router.h"

namespace fairlead::control {

// What answers. Called on the server's thread.
struct Handlers {
  std::function<Status()> status;
  std::function<LogSource(LogQuery)> logs;
  std::function<void()> stop;
};

http::Router make_routes(Handlers handlers);

// The query of a request for logs; kInvalid names what is wrong in it.
Result<LogQuery> log_query_of(const http::Request& request);
// Answers with the lines as NDJSON until the source ends or the peer goes.
io::Task<void> stream_log(http::Exchange& exchange, LogSource source);

// Whether the peer is the user that control runs as, or root. Its socket's file lets nobody else in
// either; this holds when somebody has changed the file's mode.
bool may_ask(const http::Request& request);
io::Task<void> refuse(http::Exchange& exchange);  // 403

}  // namespace fairlead::control
