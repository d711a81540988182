// The part of an exchange that deals with the cache.
#include "base/strings.h"
#include "edge/cache_heads.h"
#include "edge/exchange_problem.h"
#include "edge/pool.h"
#include "edge/worker.h"
#include "http/vary.h"

namespace fairlead::edge {

using http::FieldId;
using http::Method;
using Mode = CachedRequest::Mode;

namespace {

std::string_view target_of(const http::RequestHead& head) {
  if (head.target.starts_with('/')) return head.target;
  // Of absolute-form: path and query stand together at its end.
  return head.path.empty()
             ? "/"
             : std::string_view(head.path.data(),
                                head.target.data() + head.target.size() - head.path.data());
}

// A head that was parsed lies in one piece.
std::string_view text_of(const http::RequestHead& head) {
  const char* begin = head.method_text.data();
  if (head.fields.empty()) return {};
  const http::Field& last = head.fields.back();
  return {begin, static_cast<std::size_t>(last.value.data() + last.value.size() - begin)};
}

// RFC 5861 §4 means failures of the origin, not of the request.
bool is_origin_failure(std::uint16_t status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

// Answers that depend on who asked, or that will soon be others, say nothing about the next.
bool is_lasting(http::NotStored why, std::uint16_t status) {
  return why != http::NotStored::kMethod && status < 500;
}

}  // namespace

void Exchange::choose_cache(const control::Route& route, const http::RequestHead& head,
                            const ClientFacts& facts) {
  cache_.on = true;
  cache_.environment = pool_->environment;
  const bool ttl_applies = route.cache.ttl_ms != 0 && path_fits(route.cache.paths, head.path);
  cache_.policy = {.ttl = std::chrono::milliseconds(ttl_applies ? route.cache.ttl_ms : 0),
                   .heuristic = route.cache.heuristic,
                   .honour_request = route.cache.honour_request};
  cache_.key.set(came_by_tls(head, facts) ? "https" : "http",
                 normalized_host(head.host, worker_.scratch(0)), head.port, target_of(head));
  if (head.find(FieldId::kAuthorization)) cache_.key.refuse_apart();
}

bool Exchange::from_cache(const http::RequestHead& head, const ClientFacts& facts) {
  if (!http::is_cacheable_request(head)) {
    if (!http::is_safe(head.method)) {
      cache_.mode = Mode::kUnsafe;
      cache_.request.assign(text_of(head)).append("\r\n\r\n");
    }
    return false;
  }
  if (head.find("if-match") || head.find("if-unmodified-since")) return false;
  // What is only needed to serve and record a hit; a request to the origin is written over it.
  write_request_words(text_, head, facts, worker_.next_request_id());
  const Look look = look_up(head, true);
  if (look == Look::kWaits) write_for_cache(head, facts, std::string(request_id()));
  return look != Look::kPast;
}

void Exchange::write_for_cache(const http::RequestHead& head, const ClientFacts& facts,
                               std::string_view id) {
  http::RequestHead whole = head;
  const std::vector<http::Field> fields =
      is_conditional(head) ? unconditional(head) : std::vector<http::Field>();
  if (!fields.empty()) whole.fields = fields;
  write_request(whole, facts, id, false);
  if (cache_.entry) cache_.validates = add_validators(text_.bytes, *cache_.entry);
}

Exchange::Look Exchange::look_up(const http::RequestHead& head, bool may_wait) {
  CacheStore& store = worker_.cache();
  const http::CacheDirectives wishes = http::wishes_of(head, cache_.policy);
  const Instant now = worker_.loop().now();
  for (int looks = 0; looks < 4; ++looks) {
    const CacheEntryPtr found = store.find(cache_.key, head.fields);
    if (found) {
      const http::Reuse reuse = http::judge_reuse(found->freshness(), found->age(now), wishes);
      if (reuse == http::Reuse::kStaleWhileRevalidate) refresh_behind(head, found);
      if (reuse != http::Reuse::kValidate) {
        serve(found, head, reuse == http::Reuse::kFresh ? "hit" : "stale");
        return Look::kAnswered;
      }
    }
    if (wishes.only_if_cached) {
      answer({504, "nothing fresh is stored, and the request forbids to ask the origin"});
      return Look::kAnswered;
    }
    const bool partial = !found && head.find(FieldId::kRange);
    if (head.method == Method::kHead || wishes.no_store || partial) return Look::kPast;
    const auto waiter = [&]() -> CacheStore::Waiter {
      return [this, generation = generation_](FlightEnd end) {
        if (generation == generation_) look_up_again(end);
      };
    };
    may_wait = may_wait && !head.find(FieldId::kAuthorization);
    switch (store.take_turn(cache_.key, head.fields, found.get(), may_wait, now, worker_.loop(),
                            waiter, cache_.fill)) {
      case CacheStore::Turn::kAgain:
        continue;
      case CacheStore::Turn::kAlone:
        return Look::kPast;
      case CacheStore::Turn::kWait:
        cache_.mode = Mode::kWaiting;
        cache_.request.assign(text_of(head)).append("\r\n\r\n");
        return Look::kWaits;
      case CacheStore::Turn::kLead:
        cache_.mode = Mode::kFetching;
        cache_.entry = found;
        cache_.outcome = "miss";
        if (!cache_.waited) cache_.request.assign(text_of(head)).append("\r\n\r\n");
        return Look::kPast;
    }
  }
  return Look::kPast;
}

const http::RequestHead& Exchange::asked() {
  http::HeadParser& parser = worker_.cache_request_parser();
  std::size_t scanned = 0;
  parser.parse_request(cache_.request, scanned);
  return parser.request();
}

void Exchange::look_up_again(FlightEnd end) {
  cache_.mode = Mode::kPast;
  const bool may_wait = end == FlightEnd::kFailed && !cache_.waited;
  cache_.waited = true;
  if (end != FlightEnd::kNotStored && look_up(asked(), may_wait) != Look::kPast) return;
  if (cache_.entry) cache_.validates = add_validators(text_.bytes, *cache_.entry);
  attempt(false);
}

// ---- serving

void Exchange::serve(CacheEntryPtr entry, const http::RequestHead& head, std::string_view outcome) {
  cache_.fill.reset();
  cache_.mode = Mode::kServing;
  cache_.entry = std::move(entry);
  cache_.outcome = outcome;
  response_started_ = true;
  const CacheEntry& stored = *cache_.entry;
  const Duration age = stored.age(worker_.loop().now());
  std::optional<http::ByteRange> range;
  status_ = stored.status();
  if (status_ == 200 && is_conditional(head)) range = judge_conditions(head);
  const bool nothing = status_ == 304 || status_ == 416;
  cache_.next = range ? range->first : 0;
  cache_.end = nothing ? 0 : range ? range->last + 1 : stored.body_size();

  std::string& text = worker_.cache_text();
  text.clear();
  const auto left = std::chrono::seconds(stored.freshness().lifetime) - age;
  std::string note = "fairlead; fwd=stale; fwd-status=304";
  if (outcome != "revalidated") {
    const fmt::format_int seconds(std::chrono::floor<std::chrono::seconds>(left).count());
    note.assign("fairlead; hit; ttl=").append(seconds.data(), seconds.size());
  }
  append_answer(text, stored, status_, range, age, note);
  std::vector<http::Field>& fields = worker_.cache_fields();
  split_answer(text, fields);
  const bool with_body = cache_.next < cache_.end && head.method != Method::kHead;
  if (!with_body) cache_.next = cache_.end = 0;
  const http::BodyFraming::Kind framing =
      with_body ? http::BodyFraming::Kind::kLength : http::BodyFraming::Kind::kNone;
  http::ResponseHead answer_head;
  answer_head.status = status_;
  answer_head.body = {framing, cache_.end - cache_.next};
  answer_head.fields = fields;
  send_head(answer_head);
  if (cache_.next == cache_.end) client_->send_body({}, true, {});
  go_on_serving();
}

// Sets the status to 304, 206 or 416 as the request's conditions demand.
std::optional<http::ByteRange> Exchange::judge_conditions(const http::RequestHead& head) {
  const CacheEntry& stored = *cache_.entry;
  http::HeadParser& parser = worker_.cache_response_parser();
  std::string& text = worker_.cache_text();
  text.assign(stored.head()).append("\r\n");
  std::size_t scanned = 0;
  parser.parse_response(text, scanned, Method::kHead);
  const auto now = std::chrono::floor<std::chrono::seconds>(wall_now());
  const http::Validators validators = http::validators_of(parser.response(), now);
  if (http::not_modified(head, validators, now)) {
    status_ = 304;
    return std::nullopt;
  }
  const http::RangeAnswer range = http::judge_range(head, stored.body_size(), validators, now);
  if (range.kind == http::RangeAnswer::Kind::kWhole) return std::nullopt;
  status_ = range.kind == http::RangeAnswer::Kind::kPart ? 206 : 416;
  if (status_ == 416) return std::nullopt;
  return range.range;
}

void Exchange::go_on_serving() {
  while (cache_.next < cache_.end) {
    if (client_->congested()) return;
    const std::string_view piece =
        cache_.entry->body_from(cache_.next).substr(0, cache_.end - cache_.next);
    cache_.next += piece.size();
    bytes_out_ += piece.size();
    client_->send_body(piece, cache_.next == cache_.end, {});
  }
  client_->flush();
  finish();
}

// Asks the origin for a newer answer that nobody waits for, unless somebody does so already.
void Exchange::refresh_behind(const http::RequestHead& head, const CacheEntryPtr& stale) {
  if (head.method != Method::kGet) return;
  std::unique_ptr<CacheFill> fill;
  const auto turn = worker_.cache().take_turn(cache_.key, head.fields, stale.get(), false,
                                              worker_.loop().now(), worker_.loop(), {}, fill);
  if (turn != CacheStore::Turn::kLead) return;
  Exchange* behind = worker_.new_exchange();
  behind->fetch_behind(*this, head, stale, std::move(fill));
}

void Exchange::fetch_behind(const Exchange& front, const http::RequestHead& head,
                            CacheEntryPtr stale, std::unique_ptr<CacheFill> fill) {
  begin(worker_.nobody(), {.address = front.client_address_, .protocol = front.protocol_});
  method_ = Method::kGet;
  request_whole_ = true;
  route_ = front.route_;
  pool_ = front.pool_;
  ++pool_->users;
  cache_.on = cache_.background = true;
  cache_.mode = Mode::kFetching;
  cache_.environment = front.cache_.environment;
  cache_.policy = front.cache_.policy;
  cache_.key = front.cache_.key;
  target_ = front.target_;
  cache_.request.assign(text_of(head)).append("\r\n\r\n");
  cache_.fill = std::move(fill);
  cache_.entry = std::move(stale);
  write_for_cache(asked(), {.address = client_address_, .protocol = protocol_},
                  worker_.next_request_id());
  attempt(false);
}

// ---- the origin's answer

// Passes on a head that was changed, or serves something else instead.
void Exchange::head_past_cache(const http::ResponseHead& head) {
  switch (cache_.mode) {
    case Mode::kFetching:
      return fetched_head(head);
    case Mode::kUnsafe:
      after_unsafe(head);
      break;
    default:
      break;
  }
  pass_head(head, {}, false);
}

void Exchange::pass_head(const http::ResponseHead& head, std::string_view cache_status,
                         bool as_not_modified) {
  if (cache_status.empty() && !head.find(kTagsField)) {
    return send_head(head);
  }
  std::string& text = worker_.cache_text();
  text.clear();
  append_passed(text, head, cache_status, as_not_modified);
  http::HeadParser& parser = worker_.cache_response_parser();
  std::size_t scanned = 0;
  parser.parse_response(text, scanned, method_);
  send_head(parser.response());
}

void Exchange::fetched_head(const http::ResponseHead& head) {
  const Instant now = worker_.loop().now();
  if (head.status == 304 && cache_.validates) return freshen(head);
  if (cache_.entry && is_origin_failure(head.status) &&
      http::may_serve_on_error(cache_.entry->freshness(), cache_.entry->age(now), false)) {
    std::exchange(origin_, nullptr)->abandon();
    return serve(cache_.entry, asked(), "stale");
  }
  const http::RequestHead& request = asked();
  const auto wall = std::chrono::floor<std::chrono::seconds>(wall_now());
  const http::Verdict verdict =
      http::judge_response(request, head, cache_.policy, wall, now - sent_);
  if (verdict.stored()) {
    open_fill(request, head, verdict);
  } else {
    if (is_lasting(verdict.why, head.status)) cache_.fill->refuse(verdict.why, now);
    cache_.fill.reset();
  }
  cache_.muted =
      head.status == 200 && http::not_modified(request, http::validators_of(head, wall), wall);
  if (cache_.muted) status_ = 304;
  const std::string status =
      fmt::format("fairlead; fwd={}; fwd-status={}{}{}", cache_.entry ? "stale" : "miss",
                  head.status, verdict.stored() ? "; stored" : "; detail=",
                  verdict.stored() ? "" : http::to_string(verdict.why));
  pass_head(head, status, cache_.muted);
}

void Exchange::open_fill(const http::RequestHead& request, const http::ResponseHead& head,
                         const http::Verdict& verdict) {
  const std::string vary = http::vary_key(head.fields, request.fields);
  const std::string tags = tags_of(head);
  const std::string text = stored_head(head, http::directives_for_us(head), wall_now());
  const bool known = head.body.kind == http::BodyFraming::Kind::kLength;
  cache_.fill->open({.vary = vary,
                     .tags = tags,
                     .head = text,
                     .status = head.status,
                     .environment = cache_.environment,
                     .freshness = verdict.freshness,
                     .born = worker_.loop().now() - verdict.initial_age},
                    known ? std::optional(head.body.length) : std::nullopt);
}

void Exchange::freshen(const http::ResponseHead& not_modified) {
  const Instant now = worker_.loop().now();
  const CacheEntry& old = *cache_.entry;
  const std::string head = freshened_head(old.head(), not_modified);
  std::string tags = tags_of(not_modified);
  if (tags.empty()) tags = old.tags();
  const std::string text = head + "\r\n";
  http::HeadParser& parser = worker_.cache_response_parser();
  std::size_t scanned = 0;
  parser.parse_response(text, scanned, Method::kHead);
  const http::Verdict verdict =
      http::judge_freshened(parser.response(), cache_.policy,
                            std::chrono::floor<std::chrono::seconds>(wall_now()), now - sent_);
  CacheEntryPtr fresh = cache_.fill->commit_freshened({.vary = old.vary(),
                                                       .tags = tags,
                                                       .head = head,
                                                       .status = old.status(),
                                                       .environment = cache_.environment,
                                                       .freshness = verdict.freshness,
                                                       .born = now - verdict.initial_age},
                                                      old);
  if (!verdict.stored()) worker_.cache().purge_key(cache_.key, PurgeMode::kRemove, now);
  if (fresh) cache_.entry = std::move(fresh);
  cache_.fill.reset();
  cache_.mode = Mode::kReplaced;
}

// RFC 9111 §4.4, and POSTs whose answer is what a GET would bring.
void Exchange::after_unsafe(const http::ResponseHead& head) {
  CacheStore& store = worker_.cache();
  const Instant now = worker_.loop().now();
  if (!http::invalidates(method_, head.status)) return;
  store.purge_key(cache_.key, PurgeMode::kRemove, now);
  const std::string_view url = cache_.key.text;
  const std::string_view place = url.substr(0, url.find('/', url.find("://") + 3));
  for (const std::string_view name : {"location", "content-location"}) {
    const http::Field* field = head.find(name);
    if (!field) continue;
    CacheKey other;
    if (field->value.starts_with('/')) {
      other.set_text(std::string(place).append(field->value));
    } else if (field->value.starts_with(place)) {  // of this host only
      other.set_text(std::string(field->value));
    } else {
      continue;
    }
    store.purge_key(other, PurgeMode::kRemove, now);
  }
  const http::RequestHead& request = asked();
  const auto wall = std::chrono::floor<std::chrono::seconds>(wall_now());
  const http::Verdict verdict =
      http::judge_response(request, head, cache_.policy, wall, now - sent_);
  if (!verdict.stored()) return;
  if (store.take_turn(cache_.key, request.fields, nullptr, false, now, worker_.loop(), {},
                      cache_.fill) == CacheStore::Turn::kLead) {
    open_fill(request, head, verdict);
    cache_.mode = Mode::kFetching;
  }
}

// True if the client gets something else.
bool Exchange::body_past_cache(std::string_view data, bool end) {
  if (cache_.mode == Mode::kReplaced) {
    if (!end) return true;
    std::exchange(origin_, nullptr)->finish();
    serve(cache_.entry, asked(), "revalidated");
    return true;
  }
  if (cache_.fill && !cache_.fill->append(data, worker_.loop().now())) cache_.fill.reset();
  if (end && cache_.fill) {
    cache_.fill->commit();
    cache_.fill.reset();
  }
  return false;
}

// Instead of an answer that says that the origin failed.
bool Exchange::serve_stale_instead() {
  if (cache_.mode != Mode::kFetching || !cache_.entry || response_started_) return false;
  const Duration age = cache_.entry->age(worker_.loop().now());
  if (!http::may_serve_on_error(cache_.entry->freshness(), age, true)) return false;
  serve(cache_.entry, asked(), "stale");
  return true;
}

// The client does not want the answer any more, but others may: it goes on into the store.
bool Exchange::goes_on_without_client() {
  if (cache_.mode != Mode::kFetching || !cache_.fill || !origin_) return false;
  client_ = &worker_.nobody();
  return true;
}

}  // namespace fairlead::edge
