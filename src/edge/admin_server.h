#pragma once

#include <filesystem>
#include <memory>

#include "edge/ban_keeper.h"
#include "edge/edge.h"
#include "http/router.h"
#include "http/server.h"

namespace fairlead::edge {

// The edge's control socket: HTTP/1.1 on a Unix socket that only its owner can open.
//
//   PUT  /snapshot      takes a snapshot; answers {"version": n} when every loop has it and it is
//   on
//                       disk. 422 when it is wrong, 409 when it is older than the present one or an
//                       address is in use: nothing has changed then.
//   GET  /snapshot      the one in effect
//   GET  /counters      JSON; see report.h
//   GET  /metrics       OpenMetrics text
//   GET  /healthz       200 while it serves
//   POST /wait-idle?origin=ID&timeout_ms=30000
//                       answers 200 when no loop has a request of this origin in flight, 504 when
//                       that takes longer. For control, after a snapshot without the origin and
//                       before SIGTERM to its replica.
//   POST /reopen-logs   after the access log's or the guard's file was moved
//   /cache/…, /bans     see cache_admin.h, ban_admin.h
//   POST /drain         stops accepting, finishes what is in flight; the process then ends with 0
class AdminServer {
 public:
  // `snapshot_file` is where snapshots are kept. `drain_requested` is set by POST /drain.
  AdminServer(io::Loop& loop, Edge& edge, BanKeeper& bans, std::filesystem::path snapshot_file,
              io::Event& drain_requested);
  // Starts serving on the Unix socket `path`.
  Result<> serve(const std::filesystem::path& path);
  io::Task<void> stop();

 private:
  void add_routes();
  io::Task<void> put_snapshot(http::Exchange& exchange);
  io::Task<void> wait_idle(http::Exchange& exchange);
  io::Task<void> reopen_logs(http::Exchange& exchange);
  io::Task<void> drain(http::Exchange& exchange);
  io::Task<void> answer(http::Exchange& exchange, http::Response response);

  Edge& edge_;
  BanKeeper& bans_;
  const std::filesystem::path snapshot_file_;
  io::Event& drain_requested_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace fairlead::edge
