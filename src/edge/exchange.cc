#include "edge/exchange.h"

#include "base/strings.h"
#include "edge/exchange_problem.h"
#include "edge/pool.h"
#include "edge/worker.h"
#include "http/h1_writer.h"
#include "http/proxy_protocol.h"
#include "telemetry/log.h"

namespace fairlead::edge {

using http::BodyFraming;

namespace {
// Connections tried for one request, whether they could be made or not.
constexpr std::uint8_t kMaxAttempts = 5;
}  // namespace

// ---- the request

void Exchange::begin(ClientStream& client, const ClientFacts& facts) {
  client_ = &client;
  started_ = worker_.loop().now();
  protocol_ = facts.protocol;
  tls_version_ = facts.tls_version;
  client_address_ = facts.address;
}

void Exchange::start(ClientStream& client, const http::RequestHead& head,
                     const ClientFacts& facts) {
  begin(client, facts);
  method_ = head.method;
  request_framing_ = head.body;
  request_whole_ = head.body.kind == BodyFraming::Kind::kNone ||
                   (head.body.kind == BodyFraming::Kind::kLength && head.body.length == 0);
  upgrade_ = head.upgrade && head.body.kind == BodyFraming::Kind::kNone &&
             head.minor_version == 1 && !iequals(head.find(http::FieldId::kUpgrade)->value, "h2c");
  if (facts.trusted) {
    const std::string_view told = forwarded_client(head, worker_.plan().trusted());
    if (!told.empty()) client_address_ = told;
  }
  if (own_business(head, facts)) return;
  const auto choice = choose_route(head);
  if (choice) {
    if (!choice->route.bans.empty()) {
      const control::Snapshot& snapshot = worker_.plan().snapshot();
      ruled_by_ = snapshot.version;
      ruled_route_ = static_cast<std::uint32_t>(&choice->route - snapshot.routes.data());
    }
    if (choice->route.limit.count != 0 && refused_by_limit(choice->route, head, facts)) return;
    if (choice->policy && answered_by_policy(choice->policy, head, facts)) return;
    choose_pool(*choice, head, facts);
    if (cache_.on && !choice->route.closed && from_cache(head, facts)) return;
  }
  if (cache_.mode == CachedRequest::Mode::kFetching) {
    write_for_cache(head, facts, worker_.next_request_id());
  } else {
    write_request(head, facts, worker_.next_request_id(), upgrade_);
  }
  if (head.method == http::Method::kConnect || head.method == http::Method::kTrace) {
    return answer({405, "CONNECT and TRACE are not served here"});
  }
  if (!choice) return answer({404, "no route for this host and path"});
  if (choice->route.closed) {
    return answer({503, "this app is being maintained", "Retry-After: 30\r\n"});
  }
  if (head.body.kind == BodyFraming::Kind::kLength && head.body.length > max_body_) {
    worker_.stats().hit(Limit::kBodySize);
    return answer({413, "the request body is larger than this route allows"});
  }
  if (choice->pools.mirror != Plan::kNoPool && request_whole_) mirror_to(choice->pools.mirror);
  if (pool_->rules.held) return wait_in_pool(worker_.plan().timeouts().held);
  attempt(false);
}

std::optional<Plan::Choice> Exchange::choose_route(const http::RequestHead& head) {
  const Plan& plan = worker_.plan();
  std::string& host_scratch = worker_.scratch(0);
  std::string& path_scratch = worker_.scratch(1);
  const std::string_view path = head.path.starts_with('/') ? head.path : "/";
  const auto choice = plan.route(normalized_host(head.host, host_scratch),
                                 normalized_path(path, path_scratch), head);
  if (!choice) return std::nullopt;
  const control::Route& route = choice->route;
  route_.assign(route.host).append(route.path_prefix);
  max_body_ = route.max_body != 0 ? route.max_body : plan.limits().max_body;
  return choice;
}

namespace {

// A release on trial gets what its header names, and a share of clients: always the same ones.
bool takes_canary(const control::RouteCanary& canary, std::string_view client,
                  const http::RequestHead& head) {
  if (!canary.header.empty()) {
    const auto colon = canary.header.find(':');
    const http::Field* field = head.find(std::string_view(canary.header).substr(0, colon));
    if (field && colon != std::string::npos &&
        field->value == trim(std::string_view(canary.header).substr(colon + 1)))
      return true;
  }
  return canary.per_mille != 0 && client_number(canary.pool, client) % 1000 < canary.per_mille;
}

}  // namespace

void Exchange::choose_pool(const Plan::Choice& choice, const http::RequestHead& head,
                           const ClientFacts& facts) {
  const bool canary = choice.pools.canary != Plan::kNoPool &&
                      takes_canary(choice.route.canary, client_address_, head);
  pool_ = worker_.pool(canary ? choice.pools.canary : choice.pools.pool);
  ++pool_->users;
  pool_->earn_retry();
  read_wish(head, facts);
  // Answers of two releases under one key would be a mixture.
  if (choice.route.cache.enabled && choice.pools.canary == Plan::kNoPool)
    choose_cache(choice.route, head, facts);
}

void Exchange::write_request(const http::RequestHead& head, const ClientFacts& facts,
                             std::string_view id, bool upgrade) {
  const std::string_view trace = worker_.next_trace();
  if (target_.empty()) return write_request_head(text_, head, facts, id, upgrade, trace);
  http::RequestHead rewritten = head;
  rewritten.target = target_;
  rewritten.path = rewritten.target.substr(0, rewritten.target.find('?'));
  write_request_head(text_, rewritten, facts, id, upgrade, trace);
}

bool Exchange::refused_by_limit(const control::Route& route, const http::RequestHead& head,
                                const ClientFacts& facts) {
  const control::RouteLimit& limit = route.limit;
  const http::Field* named = limit.header.empty() ? nullptr : head.find(limit.header);
  const std::uint64_t who =
      named ? number_of(route_, named->value) : client_number(route_, client_address_);
  const RateLimiter::Answer asked =
      worker_.rate_limiter().ask(who,
                                 {.count = limit.count,
                                  .per = std::chrono::milliseconds(limit.per_ms),
                                  .burst = std::max(limit.burst, 1u)},
                                 started_);
  const auto seconds = [](Duration time) {
    return std::chrono::ceil<std::chrono::seconds>(time).count();
  };
  limit_note_.clear();
  fmt::format_to(std::back_inserter(limit_note_),
                 "RateLimit-Policy: \"route\";q={};w={}\r\nRateLimit: \"route\";r={};t={}\r\n",
                 limit.count, seconds(std::chrono::milliseconds(limit.per_ms)), asked.remaining,
                 seconds(asked.allowed ? asked.reset : asked.retry_after));
  if (asked.allowed) return false;
  worker_.stats().limited.add();
  write_request_words(text_, head, facts, worker_.next_request_id());
  const std::string retry = fmt::format("Retry-After: {}\r\n", seconds(asked.retry_after));
  answer({429, "this client asks more often than the route allows", retry});
  return true;
}

void Exchange::send_head(const http::ResponseHead& head) {
  if (limit_note_.empty()) return client_->send_head(head, request_id());
  std::string& text = worker_.limit_text();
  text = "HTTP/1.1 200 OK\r\n";
  for (const http::Field& field : head.fields) {
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  text.append(limit_note_).append("\r\n");
  http::HeadParser& parser = worker_.limit_parser();
  std::size_t scanned = 0;
  if (parser.parse_response(text, scanned, http::Method::kHead) != http::ParseState::kComplete) {
    return client_->send_head(head, request_id());  // it has as many fields as there may be
  }
  http::ResponseHead told = head;
  told.fields = parser.response().fields;
  client_->send_head(told, request_id());
}

void Exchange::start_refused(ClientStream& client, const ClientFacts& facts,
                             const http::ParseError& error) {
  begin(client, facts);
  worker_.note_broken(client_address_, error.status);
  text_.bytes = worker_.next_request_id();
  text_.id = {0, static_cast<std::uint32_t>(text_.bytes.size())};
  answer({error.status, error.reason});
}

// ---- the origin

void Exchange::wait_in_pool(Duration at_most) {
  const Instant now = worker_.loop().now();
  const bool again = wait_until_ != Instant{};
  if (!again) wait_until_ = now + at_most;
  waits_in_pool_ = was_held_ = true;
  pool_->waiting.insert(again ? pool_->waiting.begin() : pool_->waiting.end(), this);
  worker_.timeouts().held.arm(*this, wait_until_ - now);
  worker_.look_after_waiting();
}

void Exchange::leave_wait() {
  if (!waits_in_pool_) return;
  waits_in_pool_ = false;
  cancel_timeout();
  std::erase(pool_->waiting, this);
}

bool Exchange::go_on() {
  if (!waits_in_pool_) return true;
  if (pool_->rules.held) return false;
  const auto generation = generation_;
  leave_wait();
  attempts_ = 0;
  attempt(false);
  return generation != generation_ || !waits_in_pool_;
}

void Exchange::on_timeout() {
  leave_wait();
  if (pool_->rules.held) return answer({503, "the app is paused", "Retry-After: 5\r\n"});
  answer({503, "no origin became ready or free in time", "Retry-After: 1\r\n"});
}

void Exchange::attempt(bool fresh) {
  Wish wish = wish_;
  wish.avoid = origin_pool_;
  while (attempts_ < kMaxAttempts) {
    OriginPool* chosen = pool_->pick(wish, worker_.loop().now());
    if (!chosen) break;
    ++attempts_;
    use(chosen);
    const bool probe = !http::is_idempotent(method_) || !request_whole_;
    OriginStream* connection = fresh ? nullptr : chosen->take_idle(probe);
    if (!connection) {
      auto made = chosen->connect();
      if (!made) {
        chosen->mark_unready();
        wish.avoid = chosen;
        continue;
      }
      connection = *made;
    }
    origin_ = connection;
    connection->begin(*this, method_);
    if (connection->connected()) send_request();
    return;
  }
  if (pool_->has_room() && !body_passed_)
    return wait_in_pool(std::chrono::milliseconds(pool_->rules.max_wait_ms));
  answer({503, "no origin is ready", "Retry-After: 1\r\n"});
}

void Exchange::use(OriginPool* origin) {
  if (origin_pool_) origin_pool_->leave();
  origin_pool_ = origin;
  if (origin_pool_) origin_pool_->enter();
}

void Exchange::origin_connected() { send_request(); }

void Exchange::send_request() {
  sent_ = worker_.loop().now();
  if (pool_->rules.proxy_protocol != 0) {
    const auto client = io::Address::ip(client_address_, 0);
    origin_->send_preface(http::proxy_header(static_cast<int>(pool_->rules.proxy_protocol),
                                             client.value_or(io::Address()),
                                             origin_pool_->target().address));
  }
  origin_->send_head(text_.bytes, request_framing_);
  if (request_whole_) {
    origin_->send_body({}, true, {});
  } else {
    wants_body_ = true;
    client_->resume_request_body();
  }
}

void Exchange::request_body(std::string_view data, bool end, std::string_view trailers) {
  bytes_in_ += data.size();
  if (bytes_in_ > max_body_ && !tunnel_) {
    worker_.stats().hit(Limit::kBodySize);
    if (response_started_) return cut();
    return answer({413, "the request body is larger than this route allows"});
  }
  body_passed_ = true;
  if (end) {
    request_whole_ = true;
    wants_body_ = false;
  }
  origin_->send_body(data, end, trailers);
  if (origin_->congested()) wants_body_ = false;
}

void Exchange::request_flush() {
  if (origin_ && origin_->connected()) origin_->flush();
}

void Exchange::request_failed(const http::ParseError& error) {
  if (response_started_) return cut();
  answer({error.status, error.reason});
}

void Exchange::origin_drained() {
  if (request_whole_) return;
  wants_body_ = true;
  client_->resume_request_body();
}

// What was sent may be sent once more if nothing of it can have been acted upon, or if acting twice
// does no harm (RFC 9110 §9.2.2), and if all of it is still at hand.
bool Exchange::may_send_again(const OriginStream& origin) const {
  return !body_passed_ && (!origin.sent_anything() || http::is_idempotent(method_));
}

void Exchange::origin_failed(OriginStream::Failure failure) {
  using Failure = OriginStream::Failure;
  const OriginStream& origin = *origin_;
  origin_ = nullptr;
  wants_body_ = false;
  if (response_started_) {
    failed_ = true;
    return cut();
  }
  switch (failure) {
    case Failure::kRefused:
    case Failure::kConnectTimeout:
      origin_pool_->mark_unready();
      return attempt(true);
    case Failure::kClosed: {
      // A kept connection may be closed by the origin while the request is on its way: that says
      // nothing about the origin, and has its own retry.
      bool& tried = origin.reused() ? retried_stale_ : retried_fresh_;
      if (!tried && may_send_again(origin) && pool_->take_retry()) {
        tried = true;
        ++retries_;
        origin_pool_->stats().retried.add();
        return attempt(true);
      }
      return answer({502, "the origin closed the connection without an answer"});
    }
    case Failure::kResponseTimeout:
      return answer({504, "the origin did not answer in time"});
    case Failure::kBroken:
    case Failure::kProtocol:
      return answer({502, "the origin's answer is not valid HTTP"});
  }
}

// ---- the response

void Exchange::response_interim(const http::ResponseHead& head) { client_->send_interim(head); }

void Exchange::response_head(const http::ResponseHead& head) {
  status_ = head.status;
  if (wish_.sticky != origin_pool_->target().id_hash) keep_client_here();
  answered_ = worker_.loop().now();
  response_started_ = true;
  if (head.status != 101) {
    return cache_.on ? head_past_cache(head) : send_head(head);
  }
  tunnel_ = true;
  request_whole_ = false;
  request_framing_ = {BodyFraming::Kind::kUntilClose, 0};
  origin_->send_head({}, request_framing_);
  client_->send_head(head, {});
  client_->flush();
  wants_body_ = true;
  client_->resume_request_body();
}

void Exchange::response_body(std::string_view data, bool end, std::string_view trailers) {
  if (cache_.on && body_past_cache(data, end)) return;
  bytes_out_ += data.size();
  client_->send_body(data, end, trailers);
  if (!end) return;
  client_->flush();
  OriginStream* origin = std::exchange(origin_, nullptr);
  if (request_whole_) {
    origin->finish();
  } else {
    origin->abandon();
  }
  finish();
}

void Exchange::response_flush() {
  client_->flush();
  if (client_->congested()) origin_->pause();
}

void Exchange::client_drained() {
  if (file_) return go_on_with_file();
  if (cache_.mode == CachedRequest::Mode::kServing) return go_on_serving();
  if (origin_) origin_->resume();
}

// Answers with a problem document (RFC 9457). It is written as text and parsed again, so that a
// client's wire knows one kind of head only.
void Exchange::answer(const Problem& problem) {
  if (origin_) std::exchange(origin_, nullptr)->abandon();
  if (problem.status >= 500 && serve_stale_instead()) return;
  failed_ = problem.status >= 500;
  const std::string_view title = http::reason_phrase(problem.status);
  std::string body;
  if (!problem.detail.empty()) {
    body = fmt::format(R"({{"title":"{}","status":{},"detail":)", title, problem.status);
    telemetry::append_json_string(body, problem.detail);
    body += R"(,"request_id":)";
    telemetry::append_json_string(body, request_id());
    body += "}\n";
  }
  answer_with(problem.status, body.empty() ? "" : "application/problem+json", problem.fields, body);
}

void Exchange::answer_with(std::uint16_t status, std::string_view type, std::string_view fields,
                           std::string_view body) {
  wants_body_ = false;
  status_ = status;
  response_started_ = true;
  const std::string about_body =
      type.empty() ? ""
                   : fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", type, body.size());
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\n{}{}{}\r\n", status, http::reason_phrase(status),
      http_date(wall_now()), fields,
      status == 405 ? "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n" : "", about_body);
  http::HeadParser& parser = worker_.response_parser();
  std::size_t scanned = 0;
  parser.parse_response(head, scanned, method_);
  const bool with_body = parser.response().body.kind == BodyFraming::Kind::kLength;
  send_head(parser.response());
  if (with_body) bytes_out_ += body.size();
  client_->send_body(with_body ? body : std::string_view(), true, {});
  client_->flush();
  finish();
}

// ---- the end

void Exchange::client_gone() {
  if (goes_on_without_client()) return;
  if (!response_started_) status_ = 499;  // as nginx calls a client that did not wait
  if (origin_) std::exchange(origin_, nullptr)->abandon();
  end();
}

void Exchange::finish() {
  ClientStream* client = client_;
  end();
  client->exchange_finished();
}

void Exchange::cut() {
  if (origin_) std::exchange(origin_, nullptr)->abandon();
  ClientStream* client = client_;
  end();
  client->exchange_cut();
}

void Exchange::end() {
  leave_wait();
  record();
  ++generation_;
  cache_.reset();
  use(nullptr);
  if (pool_) {
    --pool_->users;
    if (!pool_->waiting.empty()) worker_.look_after_waiting(/*now=*/true);
  }
  pool_ = nullptr;
  client_ = nullptr;
  wish_ = {};
  wait_until_ = {};
  request_framing_ = {};
  bytes_in_ = bytes_out_ = 0;
  status_ = 0;
  method_ = http::Method::kOther;
  attempts_ = retries_ = 0;
  retried_stale_ = retried_fresh_ = wants_body_ = request_whole_ = body_passed_ = false;
  response_started_ = upgrade_ = tunnel_ = failed_ = was_held_ = false;
  answered_ = sent_ = {};
  text_.clear();
  target_.clear();
  asked_path_.clear();
  file_.reset();
  route_.clear();
  limit_note_.clear();
  ruled_route_.reset();
  worker_.give_back(this);
}

// Where the plan was replaced meanwhile, the rules that held are gone: the offence is forgiven.
void Exchange::judge_offence() const {
  const Plan& plan = worker_.plan();
  if (plan.snapshot().version != ruled_by_) return;
  const std::string_view path = text_.view(text_.path);
  for (const control::BanRule& rule : plan.snapshot().routes[*ruled_route_].bans) {
    if (!Guard::concerns(rule, status_, path)) continue;
    worker_.guard().note(rule,
                         {.client = client_address_,
                          .status = status_,
                          .host = text_.view(text_.host),
                          .path = path},
                         plan.spared());
  }
}

void Exchange::record() const {
  const Instant now = worker_.loop().now();
  const Duration duration = now - started_;
  const std::size_t status_class = std::min<std::size_t>(status_ / 100, 5);
  if (origin_pool_) {
    const bool bad = failed_ || (status_ >= 502 && status_ <= 504);
    if (pool_ && status_ != 499) pool_->note(*origin_pool_, bad, now);
    OriginStats& stats = origin_pool_->stats();
    stats.requests.add();
    stats.by_class[status_class].add();
    if (failed_) stats.failed.add();
    if (was_held_) stats.held.add();
    stats.bytes_in.add(bytes_in_);
    stats.bytes_out.add(bytes_out_);
    stats.duration.record(duration);
  } else {
    worker_.stats().without_origin[status_class].add();
  }
  if (status_ >= 400 && ruled_route_) judge_offence();
  worker_.stats().count_cache(cache_.outcome);
  if (cache_.background) return;
  const Duration origin_time = answered_ == Instant{} ? Duration(0) : answered_ - sent_;
  worker_.access_log().add({
      .time = now,
      .request_id = text_.view(text_.id),
      .client = client_address_,
      .method = text_.view(text_.method),
      .host = text_.view(text_.host),
      .path = asked_path_.empty() ? text_.view(text_.path) : std::string_view(asked_path_),
      .status = status_,
      .bytes_in = bytes_in_,
      .bytes_out = bytes_out_,
      .duration = duration,
      .origin = origin_pool_ ? std::string_view(origin_pool_->target().spec.id) : "",
      .release = origin_pool_ ? std::string_view(origin_pool_->target().spec.release) : "",
      .origin_time = origin_time,
      .retries = retries_,
      .protocol = protocol_,
      .tls_version = tls_version_,
      .trace = text_.view(text_.trace),
      .user_agent = text_.view(text_.user_agent),
      .referer = text_.view(text_.referer),
      .route = route_,
      .cache = cache_.outcome,
  });
}

}  // namespace fairlead::edge
