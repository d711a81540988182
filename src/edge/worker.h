#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "edge/access_log.h"
#include "edge/cache_store.h"
#include "edge/exchange.h"
#include "edge/flushed.h"
#include "edge/guard.h"
#include "edge/limits.h"
#include "edge/plan.h"
#include "edge/pool.h"
#include "edge/rate_limit.h"
#include "edge/timeout_list.h"
#include "http/h1_parser.h"
#include "http/trace_context.h"
#include "io/loop.h"

namespace fairlead::edge {

class ListenSocket;

// Takes answers that nobody waits for any more.
class Nobody final : public ClientStream {
 public:
  void send_interim(const http::ResponseHead&) override {}
  void send_head(const http::ResponseHead&, std::string_view) override {}
  void send_body(std::string_view, bool, std::string_view) override {}
  void flush() override {}
  bool congested() const override { return false; }
  void resume_request_body() override {}
  void exchange_finished() override {}
  void exchange_cut() override {}
};

// What one loop counts beside its origins. Written by that loop alone.
struct alignas(64) LoopStats {
  telemetry::Counter connections;           // open ones
  telemetry::Counter connections_accepted;  // ever
  telemetry::Counter connections_refused;   // above max_connections, or of one client, or banned
  telemetry::Counter handshakes_failed;
  telemetry::Counter without_origin[6];  // requests answered before an origin was chosen
  telemetry::Counter limited;            // answered with 429
  telemetry::Counter cache_hits;         // served as stored, fresh or stale
  telemetry::Counter cache_revalidated;  // served as stored after the origin agreed
  telemetry::Counter cache_misses;       // fetched to be stored
  telemetry::Counter h2_connections;     // ever
  telemetry::Counter h2_streams;         // ever
  std::array<telemetry::Counter, kLimitNames.size()> limit_hits;

  void hit(Limit limit) { limit_hits[static_cast<std::size_t>(limit)].add(); }
  void count_cache(std::string_view outcome) {
    if (outcome.empty()) return;
    (outcome == "miss"          ? cache_misses
     : outcome == "revalidated" ? cache_revalidated
                                : cache_hits)
        .add();
  }
};

// What the workers share. All of it may be used from any loop.
struct WorkerShared {
  AccessLog access_log;
  // Made with the first snapshot that has a route which caches.
  std::unique_ptr<CacheStore> cache;
  // Made with the first snapshot that has a route with a limit.
  std::unique_ptr<RateLimiter> rate_limiter;
  Guard guard;
  std::atomic<std::size_t> connections = 0;
  // Called when a loop found an origin refusing connections.
  std::move_only_function<void(TargetPtr)> report_unready;
};

// A listening socket for one worker. The worker owns the descriptor.
struct ListeningFd {
  std::string address;  // as the snapshot names it
  bool tls = false;
  bool proxy_protocol = false;
  UniqueFd fd;
};

// One loop of the data plane and everything that belongs to its thread: listening sockets,
// connections, origin pools, exchanges, buffers, parsers, counters. Nothing of it is touched by
// another thread but through post().
class Worker {
 public:
  static Result<std::unique_ptr<Worker>> create(std::size_t index, WorkerShared& shared,
                                                PlanPtr plan);
  ~Worker();  // after stop() and join(), or never started

  // ---- from the thread that owns the edge
  void start_thread();
  void join();
  // Takes the plan between two requests, then calls `taken` on this worker's thread. `add` are new
  // listening sockets; those whose address the plan no longer has are closed.
  void take_plan(PlanPtr plan, std::vector<ListeningFd> add, std::move_only_function<void()> taken);
  // Stops accepting, finishes what is in flight, closes, and ends the thread; `patience` bounds it.
  void drain(Duration patience);
  LoopStats& stats() { return stats_; }

  // ---- from connections and exchanges, on the worker's thread
  io::Loop& loop() { return *loop_; }
  std::size_t index() const { return index_; }
  const Plan& plan() const { return *plan_; }
  bool draining() const { return draining_; }
  Pool* pool(std::uint32_t index) { return pools_[index]; }
  AccessLogBuffer& access_log() { return access_log_; }

  http::HeadParser& request_parser() { return request_parser_; }
  http::HeadParser& response_parser() { return response_parser_; }
  // Reading buffers: what is in them is used or copied before the loop goes on. Two, because the
  // end of a response may lead to reading the client's next request.
  std::span<char> client_buffer() { return client_buffer_; }
  std::span<char> origin_buffer() { return origin_buffer_; }
  // Where a client connection gathers a head and what follows it until it is sent, within one
  // event.
  std::string& out_buffer() { return out_buffer_; }
  // The same for HTTP/2: frames on their way, fields of one head.
  std::string& h2_frames() { return h2_frames_; }
  std::vector<http::Field>& h2_fields() { return h2_fields_; }
  std::string& scratch(std::size_t which) { return scratch_[which]; }
  // For routes that cache: the store; parsers and text for heads that were changed or stored; a
  // client for answers that nobody waits for.
  CacheStore& cache() { return *shared_.cache; }
  bool has_cache() const { return shared_.cache != nullptr; }
  RateLimiter& rate_limiter() { return *shared_.rate_limiter; }
  Guard& guard() { return shared_.guard; }
  // For heads that tell a client what its limit leaves it.
  http::HeadParser& limit_parser() { return limit_parser_; }
  std::string& limit_text() { return limit_text_; }
  http::HeadParser& cache_request_parser() { return cache_request_parser_; }
  http::HeadParser& cache_response_parser() { return cache_response_parser_; }
  std::string& cache_text() { return cache_text_; }
  std::vector<http::Field>& cache_fields() { return cache_fields_; }
  ClientStream& nobody() { return nobody_; }

  struct Timeouts {
    explicit Timeouts(io::Loop& loop)
        : handshake(loop),
          head(loop),
          body(loop),
          write(loop),
          idle(loop),
          linger(loop),
          connect(loop),
          response(loop),
          origin_body(loop),
          origin_idle(loop),
          tunnel(loop),
          held(loop) {}
    TimeoutList handshake, head, body, write, idle, linger;
    TimeoutList connect, response, origin_body, origin_idle, tunnel;
    TimeoutList held;
  };
  Timeouts& timeouts() { return timeouts_; }

  // Exchanges wait in a pool: they are looked at every few milliseconds, or `now`, at the end of
  // this iteration, because an origin has become free.
  void look_after_waiting(bool now = false);

  Exchange* new_exchange();
  void give_back(Exchange* exchange) { free_exchanges_.push_back(exchange); }
  // Unique over all loops and starts; valid until the next call.
  std::string_view next_request_id();
  // A traceparent for a request that brought none, "" where traces are not asked for; valid until
  // the next call.
  std::string_view next_trace();
  void report_unready(const TargetPtr& target) { shared_.report_unready(target); }

  // A connection was accepted, has finished its handshake, is gone.
  void accepted(UniqueFd fd, io::Address peer, bool tls, bool proxy_protocol);
  // The next step of an accepted connection whose client is known: TLS or HTTP.
  void greet(io::Transport transport, io::Address peer, bool tls);
  bool admit(int fd, const io::Address& peer);
  void serve(io::Transport transport, io::Address peer);
  // The same once it is known that the client speaks HTTP/2; `first` was read of it already.
  void serve_h2(io::Transport transport, std::string address, bool trusted, std::string_view first);
  // Has it flushed at the end of this iteration.
  void flush_later(Flushed& flushed);
  void client_closed(int fd);
  // A client sent what is no HTTP, or no TLS.
  void note_broken(std::string_view client, std::uint16_t status);
  // Frees a closed connection at the end of this iteration.
  void bury(Connection* connection);

 private:
  Worker(std::size_t index, WorkerShared& shared, std::unique_ptr<io::Loop> loop);
  void install(PlanPtr plan);
  void release_held();
  void let_waiting_go_on();
  void retire(std::unordered_map<const Target*, std::unique_ptr<OriginPool>> origins);
  void begin_drain(Duration patience);
  void stop_if_drained();
  bool watch(ClientSocket& client);
  void flush_all();
  void close_all();

  const std::size_t index_;
  WorkerShared& shared_;
  std::unique_ptr<io::Loop> loop_;
  LoopStats stats_;
  PlanPtr plan_;
  Timeouts timeouts_;
  AccessLogBuffer access_log_;
  http::HeadParser request_parser_;
  http::HeadParser response_parser_;
  std::vector<char> client_buffer_;
  std::vector<char> origin_buffer_;
  std::string out_buffer_;
  std::array<std::string, 2> scratch_;
  std::string h2_frames_;
  std::vector<http::Field> h2_fields_;
  http::HeadParser cache_request_parser_;
  http::HeadParser cache_response_parser_;
  std::string cache_text_;
  std::vector<http::Field> cache_fields_;
  Nobody nobody_;
  http::HeadParser limit_parser_;
  std::string limit_text_;
  // By descriptor: who is counted in the guard's connections, 0 for nobody.
  std::vector<std::uint64_t> seats_;

  std::unordered_map<std::string, std::unique_ptr<Pool>> pools_by_name_;
  std::unordered_map<const Target*, std::unique_ptr<OriginPool>> origin_pools_;
  std::vector<Pool*> pools_;                                  // in the plan's order
  std::vector<std::unique_ptr<Pool>> replaced_pools_;         // until no exchange uses them
  std::vector<std::unique_ptr<OriginPool>> retired_origins_;  // the same
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> free_exchanges_;
  std::vector<std::unique_ptr<ListenSocket>> listeners_;
  io::Link clients_;   // ClientSocket
  io::Link to_flush_;  // Flushed
  std::vector<std::unique_ptr<Connection>> buried_;

  char request_id_[28];
  std::uint64_t request_number_ = 0;
  char trace_[http::TraceParent::kSize];
  std::uint64_t trace_random_ = 0;
  bool draining_ = false;
  io::Timer waiting_timer_;
  io::Timer drain_timer_;
  std::thread thread_;
};

}  // namespace fairlead::edge
