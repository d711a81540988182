// Redis for a loop's coroutines: one connection on which any number of commands are in flight.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/stream.h"
#include "io/sync.h"
#include "io/worker.h"
#include "store/backoff.h"
#include "store/stats.h"
#include "store/url.h"

namespace fairlead::store {

struct RedisUrl {
  std::string host;  // "" for a Unix socket
  std::uint16_t port = 6379;
  std::string path;  // of a Unix socket
  std::string user;
  std::string password;
  std::uint64_t database = 0;
  std::string shown;  // without password
};

// redis://[[user]:password@]host[:port][/database], or unix:///path[?db=N].
Result<RedisUrl> redis_url(const StoreUrl& url);

struct RedisReply {
  enum class Kind : std::uint8_t { kNil, kInteger, kText, kArray };
  Kind kind = Kind::kNil;
  std::int64_t integer = 0;
  std::string text;  // also of a status: "OK"
  std::vector<RedisReply> elements;
};

// Commands are sent together, and answered in order. Reconnects by itself; what was in flight on a
// connection that is lost fails with kUnavailable, and it is not known whether it was done. While
// Redis cannot be reached, callers are told at once. Redis's own errors: kUnavailable for those
// that pass (LOADING, READONLY, OOM, …), kNotFound for NOSCRIPT, else kInvalid.
class Redis {
 public:
  Redis(io::Loop& loop, RedisUrl url);
  ~Redis();  // after close()

  // `words` as in a shell: {"INCR", "hits"}; they may hold any bytes. kTimeout when the deadline
  // passes.
  io::Task<Result<RedisReply>> command(std::vector<std::string> words, io::Deadline deadline);
  const Stats& stats() const { return stats_; }
  io::Task<void> close();

 private:
  struct Request;
  class Connection;

  io::Task<void> run();
  io::Task<Result<>> connect(io::Deadline deadline);
  io::Task<Result<>> converse();
  io::Task<void> greet();
  io::Task<Result<>> introduce(io::Deadline deadline);
  io::Task<void> send();
  io::Task<Result<>> receive();
  io::Task<Result<RedisReply>> attempt(std::vector<std::string> words, io::Deadline deadline);
  io::Task<Result<RedisReply>> ask(std::vector<std::string> words, io::Deadline deadline);
  void enqueue(std::shared_ptr<Request> request, const std::vector<std::string>& words);
  Result<> take_replies(std::string_view bytes);
  void lose(Error why);

  io::Loop& loop_;
  const RedisUrl url_;
  io::Worker resolver_{"redis-resolve"};
  io::Gate gate_;
  io::Stop stop_;
  io::Event changed_;  // came up, or could not
  io::Event to_send_;  // out_ has something, or the connection has ended
  Backoff backoff_;

  std::unique_ptr<Connection> connection_;  // while there is one
  std::deque<std::shared_ptr<Request>> in_flight_;
  std::string out_;
  bool flushing_ = false;  // a flush is due at the end of this iteration
  std::optional<Error> down_;
  bool was_up_ = false;
  Stats stats_;
};

}  // namespace fairlead::store
