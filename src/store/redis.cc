#include "store/redis.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "base/strings.h"
#include "http/message.h"
#include "io/resolve.h"

namespace fairlead::store {

namespace {

constexpr Duration kConnectTimeout = 5s;
constexpr Duration kSilence = 2s;  // past a request's deadline: nobody is there any more

struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

RedisReply convert(const redisReply& reply) {
  RedisReply converted;
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      converted.kind = RedisReply::Kind::kInteger;
      converted.integer = reply.integer;
      break;
    case REDIS_REPLY_NIL:
      break;
    case REDIS_REPLY_ARRAY:
      converted.kind = RedisReply::Kind::kArray;
      for (std::size_t i = 0; i < reply.elements; ++i)
        converted.elements.push_back(convert(*reply.element[i]));
      break;
    default:
      converted.kind = RedisReply::Kind::kText;
      converted.text.assign(reply.str, reply.len);
  }
  return converted;
}

Error error_of(std::string_view text) {
  Code code = text.starts_with("NOSCRIPT") ? Code::kNotFound : Code::kInvalid;
  for (const std::string_view passing : {"LOADING", "READONLY", "MISCONF", "OOM", "CLUSTERDOWN",
                                         "MASTERDOWN", "BUSY", "TRYAGAIN", "NOREPLICAS"})
    if (text.starts_with(passing)) code = Code::kUnavailable;
  return Error(code, fmt::format("Redis: {}", text));
}

void append_command(std::string& out, const std::vector<std::string>& words) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", words.size());
  for (const auto& word : words)
    fmt::format_to(std::back_inserter(out), "${}\r\n{}\r\n", word.size(), word);
}

}  // namespace

struct Redis::Request {
  Request(io::Loop& loop, Instant latest) : give_up(latest), done(loop) {}
  const Instant give_up;
  Result<RedisReply> outcome = fail(Code::kInternal, "not answered");
  io::Event done;
};

class Redis::Connection {
 public:
  explicit Connection(io::Stream s) : stream(std::move(s)), reader(redisReaderCreate()) {}
  io::Stream stream;
  std::unique_ptr<redisReader, FreeReader> reader;
  bool ready = false;  // introduced: callers' commands may be sent
  bool ended = false;
  std::optional<Error> refused;  // why Redis would not have us
};

Result<RedisUrl> redis_url(const StoreUrl& url) {
  const auto wrong = [&] {
    return fail(Error(Code::kInvalid, fmt::format("{} is not understood", url.shown))
                    .hint("write redis://host:6379/0, redis://:password@host, or "
                          "unix:///path/redis.sock?db=0"));
  };
  RedisUrl redis{.host = {}, .path = {}, .user = {}, .password = {}, .shown = url.shown};
  std::string_view rest = url.rest;
  std::string_view database;
  if (url.scheme == "unix") {
    const auto query = rest.find("?db=");
    redis.path = rest.substr(0, query);
    if (query != std::string_view::npos) database = rest.substr(query + 4);
    if (!redis.path.starts_with('/')) return wrong();
  } else {
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
      const auto colon = std::min(rest.find(':'), at);
      TRY(redis.user, http::percent_decode(rest.substr(0, colon)));
      if (colon < at) {
        TRY(redis.password, http::percent_decode(rest.substr(colon + 1, at - colon - 1)));
      }
      rest.remove_prefix(at + 1);
    }
    const auto slash = std::min(rest.find('/'), rest.size());
    database = rest.substr(std::min(slash + 1, rest.size()));
    rest = rest.substr(0, slash);
    const auto colon = rest.rfind(':');
    if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
      const auto port = parse_unsigned(rest.substr(colon + 1));
      if (!port || *port == 0 || *port > 65535) return wrong();
      redis.port = static_cast<std::uint16_t>(*port);
      rest = rest.substr(0, colon);
    }
    if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
    redis.host = rest.empty() ? "127.0.0.1" : rest;
  }
  if (!database.empty()) {
    const auto number = parse_unsigned(database);
    if (!number) return wrong();
    redis.database = *number;
  }
  return redis;
}

Redis::Redis(io::Loop& loop, RedisUrl url)
    : loop_(loop), url_(std::move(url)), gate_(loop), changed_(loop), to_send_(loop) {
  gate_.spawn(run());
}

Redis::~Redis() = default;

io::Task<void> Redis::close() {
  stop_.request();
  gate_.close();
  (void)co_await gate_.drained(io::Deadline::never());
}

io::Task<Result<RedisReply>> Redis::command(std::vector<std::string> words, io::Deadline deadline) {
  ++stats_.in_flight;
  auto reply = co_await attempt(std::move(words), deadline);
  --stats_.in_flight;
  ++stats_.requests;
  if (!reply) ++stats_.failed;
  co_return reply;
}

io::Task<Result<RedisReply>> Redis::attempt(std::vector<std::string> words, io::Deadline deadline) {
  while (!connection_ || !connection_->ready) {
    if (down_) co_return fail(*down_);
    changed_.reset();
    if (!co_await changed_.wait(deadline))
      co_return fail(Code::kUnavailable, "Redis: no connection");
  }
  co_return co_await ask(std::move(words), deadline);
}

io::Task<Result<RedisReply>> Redis::ask(std::vector<std::string> words, io::Deadline deadline) {
  const auto request = std::make_shared<Request>(loop_, deadline.time());
  enqueue(request, words);
  const auto waited = co_await request->done.wait(deadline);
  if (!waited) co_return fail(waited.error().code(), "Redis: no answer in time");
  co_return std::move(request->outcome);
}

// What is asked in one iteration of the loop goes out in one write.
void Redis::enqueue(std::shared_ptr<Request> request, const std::vector<std::string>& words) {
  in_flight_.push_back(std::move(request));
  append_command(out_, words);
  if (!std::exchange(flushing_, true))
    loop_.defer([this] {
      flushing_ = false;
      to_send_.set();
    });
}

io::Task<void> Redis::run() {
  const auto until_stop = io::Deadline::never().or_when(stop_);
  while (!stop_.requested()) {
    auto ended = co_await connect(until_stop.within(kConnectTimeout));
    if (ended) ended = co_await converse();
    lose(std::move(ended).error());
    (void)co_await io::sleep(loop_, backoff_.next(), until_stop);
  }
}

io::Task<Result<>> Redis::connect(io::Deadline deadline) {
  std::vector<io::Address> addresses;
  if (url_.host.empty()) {
    CO_TRY(auto address, io::Address::unix_path(url_.path));
    addresses.push_back(std::move(address));
  } else {
    CO_TRY(addresses, co_await io::resolve(loop_, resolver_, url_.host, url_.port));
  }
  std::string reason;
  for (auto& address : addresses) {
    auto stream = co_await io::connect(loop_, std::move(address), deadline);
    if (stream) {
      connection_ = std::make_unique<Connection>(*std::move(stream));
      co_return Result<>{};
    }
    reason = stream.error().message();
  }
  co_return fail(Code::kUnavailable, fmt::format("Redis: {}", reason));
}

// Until the connection is lost, which is an error always.
io::Task<Result<>> Redis::converse() {
  io::Gate parts(loop_);
  parts.spawn(send());
  parts.spawn(greet());
  auto ended = co_await receive();
  connection_->ended = true;
  connection_->ready = false;
  connection_->stream.abort();
  to_send_.set();
  for (const auto& request : std::exchange(in_flight_, {})) {
    request->outcome = fail(Error(ended.error()).in("it is not known whether this was done"));
    request->done.set();
  }
  (void)co_await parts.drained(io::Deadline::never());
  if (connection_->refused) co_return fail(*std::move(connection_->refused));
  co_return ended;
}

void Redis::lose(Error why) {
  connection_.reset();
  out_.clear();
  stats_.connections = 0;
  down_ = std::move(why);
  changed_.set();
}

io::Task<void> Redis::greet() {
  auto introduced = co_await introduce(io::Deadline::in(kConnectTimeout).or_when(stop_));
  if (!introduced) {
    connection_->refused = std::move(introduced).error();
    connection_->stream.abort();
    co_return;
  }
  connection_->ready = true;
  down_.reset();
  stats_.connections = 1;
  if (std::exchange(was_up_, true)) ++stats_.reconnects;
  backoff_.reset();
  changed_.set();
}

io::Task<Result<>> Redis::introduce(io::Deadline deadline) {
  if (!url_.password.empty()) {
    std::vector<std::string> auth = {"AUTH"};
    if (!url_.user.empty()) auth.push_back(url_.user);
    auth.push_back(url_.password);
    CO_TRY([[maybe_unused]] const auto done, co_await ask(std::move(auth), deadline));
  }
  std::vector<std::string> select = {"SELECT", fmt::format("{}", url_.database)};
  CO_TRY([[maybe_unused]] const auto done, co_await ask(std::move(select), deadline));
  // A server that is still loading its data answers SELECT, and nothing else.
  std::vector<std::string> ping = {"PING"};
  CO_TRY([[maybe_unused]] const auto pong, co_await ask(std::move(ping), deadline));
  co_return Result<>{};
}

io::Task<void> Redis::send() {
  auto& connection = *connection_;
  while (!connection.ended) {
    if (out_.empty()) {
      (void)co_await to_send_.wait(io::Deadline::never());
      to_send_.reset();
      continue;
    }
    const auto bytes = std::exchange(out_, {});
    if (!co_await connection.stream.write(bytes, io::Deadline::in(kConnectTimeout))) {
      connection.stream.abort();  // receive() notices
      co_return;
    }
  }
}

io::Task<Result<>> Redis::receive() {
  std::array<char, 16384> buffer;
  for (;;) {
    const auto got =
        co_await connection_->stream.read(buffer, io::Deadline::in(500ms).or_when(stop_));
    if (got && *got == 0) co_return fail(Code::kUnavailable, "Redis: connection lost");
    if (got) CO_TRY_VOID(take_replies({buffer.data(), *got}));
    if (!got && got.error().code() != Code::kTimeout)
      co_return fail(Code::kUnavailable,
                     fmt::format("Redis: connection lost: {}", got.error().message()));
    if (!in_flight_.empty() && in_flight_.front()->give_up != Instant::max() &&
        now() > in_flight_.front()->give_up + kSilence)
      co_return fail(Code::kUnavailable, "Redis: the server does not answer");
  }
}

Result<> Redis::take_replies(std::string_view bytes) {
  auto* reader = connection_->reader.get();
  redisReaderFeed(reader, bytes.data(), bytes.size());
  for (;;) {
    void* next = nullptr;
    if (redisReaderGetReply(reader, &next) != REDIS_OK || (next && in_flight_.empty()))
      return fail(Code::kUnavailable, "Redis: what answers does not speak Redis's protocol");
    if (!next) return {};
    const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(next));
    const auto request = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (reply->type == REDIS_REPLY_ERROR) {
      request->outcome = fail(error_of({reply->str, reply->len}));
    } else {
      request->outcome = convert(*reply);
    }
    request->done.set();
  }
}

}  // namespace fairlead::store
