#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/snapshot.h"
#include "edge/cached_request.h"
#include "edge/client_stream.h"
#include "edge/forward.h"
#include "edge/origin_stream.h"
#include "edge/plan.h"
#include "edge/response_filter.h"
#include "edge/timeout_list.h"
#include "http/conditional.h"
#include "http/h1_parser.h"

namespace fairlead::edge {

class OriginPool;
struct Pool;
class Worker;

// One request and its response: chooses the route and the origin, tries again where that is safe,
// answers itself where nobody else can, ties the speeds of both sides together, and leaves one
// access record. It knows nothing of either side's wire.
//
// Every call may end the exchange; the object then belongs to the worker again and may already
// serve another request. Callers on either side look at their own state afterwards, not at it.
class Exchange final : public Timed {
 public:
  explicit Exchange(Worker& worker) : worker_(worker) {}
  Exchange(const Exchange&) = delete;

  // ---- from the client side
  void start(ClientStream& client, const http::RequestHead& head, const ClientFacts& facts);
  // A request that could not be read: answered with `error`.
  void start_refused(ClientStream& client, const ClientFacts& facts, const http::ParseError& error);
  // Body may be passed on now; otherwise ClientStream::resume_request_body() will say when.
  bool wants_body() const { return wants_body_; }
  bool request_whole() const { return request_whole_; }
  bool tunnel() const { return tunnel_; }
  bool response_started() const { return response_started_; }
  void request_body(std::string_view data, bool end, std::string_view trailers);
  // What one read of the client brought has been passed on.
  void request_flush();
  // The rest of the request will not come: broken framing, or too slow.
  void request_failed(const http::ParseError& error);
  void client_drained();
  void client_gone();

  // ---- from the worker
  // Its pool is not held any more, or may have an origin for it. True if it does not wait any more.
  bool go_on();
  // It was held for too long.
  void on_timeout() override;

  // ---- from the origin side
  void origin_connected();
  void origin_drained();
  void response_interim(const http::ResponseHead& head);
  void response_head(const http::ResponseHead& head);
  // `end` hands the connection back: the caller must not touch it afterwards.
  void response_body(std::string_view data, bool end, std::string_view trailers);
  // What one read of the origin brought has been passed on.
  void response_flush();
  void origin_failed(OriginStream::Failure failure);
  bool expects_upgrade() const { return upgrade_; }
  // True while only the client can move things on: the origin's time does not run.
  bool waits_for_client() const { return !request_whole_ && !response_started_; }

  std::string_view request_id() const { return text_.view(text_.id); }

 private:
  struct Problem;

  void begin(ClientStream& client, const ClientFacts& facts);
  // Nothing if there is none. What it refers to belongs to the plan.
  std::optional<Plan::Choice> choose_route(const http::RequestHead& head);
  void choose_pool(const Plan::Choice& choice, const http::RequestHead& head,
                   const ClientFacts& facts);
  // True if the client was told that it asks too often.
  bool refused_by_limit(const control::Route& route, const http::RequestHead& head,
                        const ClientFacts& facts);
  // Writes `head` as the origin gets it.
  void write_request(const http::RequestHead& head, const ClientFacts& facts, std::string_view id,
                     bool upgrade);
  // Tells what the limit leaves the client, where there is one.
  void send_head(const http::ResponseHead& head);
  // The guard's rules, once the answer is known.
  void judge_offence() const;
  // ---- exchange_own.cc: requests that are the edge's own business. True: answered.
  bool own_business(const http::RequestHead& head, const ClientFacts& facts);
  bool purge(const http::RequestHead& head, const ClientFacts& facts);
  void answer_with(std::uint16_t status, std::string_view type, std::string_view fields,
                   std::string_view body);
  void attempt(bool fresh);
  // Until the pool is not held any more, or has an origin that is ready and free.
  void wait_in_pool(Duration at_most);
  void leave_wait();
  void use(OriginPool* origin);
  void send_request();
  bool may_send_again(const OriginStream& origin) const;
  void answer(const Problem& problem);
  void finish();
  void cut();
  void end();
  void record() const;

  // ---- exchange_route.cc: what a route asks for beside an origin
  // True if the request is answered; the exchange is over then.
  bool answered_by_policy(const RoutePolicyPtr& policy, const http::RequestHead& head,
                          const ClientFacts& facts);
  void use_filter(RoutePolicyPtr policy, const Asker& asker);
  void read_wish(const http::RequestHead& head, const ClientFacts& facts);
  void keep_client_here();
  void rewrite(const RoutePolicy& policy, const http::RequestHead& head);
  void serve_file(const RoutePolicy& policy, const http::RequestHead& head);
  void go_on_with_file();
  void mirror_to(std::uint32_t pool);

  // ---- exchange_cache.cc
  enum class Look : std::uint8_t {
    kPast,      // ask the origin
    kAnswered,  // the exchange may be over
    kWaits
  };
  void choose_cache(const control::Route& route, const http::RequestHead& head,
                    const ClientFacts& facts);
  // True if the request is answered or waits; the exchange may be over then.
  bool from_cache(const http::RequestHead& head, const ClientFacts& facts);
  Look look_up(const http::RequestHead& head, bool may_wait);
  void look_up_again(FlightEnd end);
  void write_for_cache(const http::RequestHead& head, const ClientFacts& facts,
                       std::string_view id);
  const http::RequestHead& asked();
  void serve(CacheEntryPtr entry, const http::RequestHead& head, std::string_view outcome);
  std::optional<http::ByteRange> judge_conditions(const http::RequestHead& head);
  void go_on_serving();
  void refresh_behind(const http::RequestHead& head, const CacheEntryPtr& stale);
  void fetch_behind(const Exchange& front, const http::RequestHead& head, CacheEntryPtr stale,
                    std::unique_ptr<CacheFill> fill);
  void head_past_cache(const http::ResponseHead& head);
  void pass_head(const http::ResponseHead& head, std::string_view cache_status,
                 bool as_not_modified);
  void fetched_head(const http::ResponseHead& head);
  void open_fill(const http::RequestHead& request, const http::ResponseHead& head,
                 const http::Verdict& verdict);
  void freshen(const http::ResponseHead& not_modified);
  void after_unsafe(const http::ResponseHead& head);
  bool body_past_cache(std::string_view data, bool end);
  bool serve_stale_instead();
  bool goes_on_without_client();

  Worker& worker_;
  ClientStream* client_ = nullptr;
  Pool* pool_ = nullptr;
  OriginStream* origin_ = nullptr;
  OriginPool* origin_pool_ = nullptr;  // being used, or used last

  std::unique_ptr<ResponseFilter> filter_;  // made with the first route that needs one, then kept
  std::string target_;                      // that the origin gets; "" for the client's own
  std::string asked_path_;                  // what the client asked for, where target_ differs
  UniqueFd file_;                           // being served
  std::uint64_t file_next_ = 0;             // its first byte that is not sent
  std::uint64_t file_end_ = 0;              // and one past the last to send

  RequestText text_;
  CachedRequest cache_;
  std::uint64_t generation_ = 0;  // tells this exchange from earlier ones in the same object
  std::string client_address_;
  std::string route_;                         // host and path prefix, for the record
  std::optional<std::uint32_t> ruled_route_;  // whose rules hold, in the snapshot ruled_by_
  std::uint64_t ruled_by_ = 0;
  std::string limit_note_;  // RateLimit fields for the answer, "" without a limit
  std::string_view protocol_;
  std::string_view tls_version_;
  http::BodyFraming request_framing_;
  std::uint64_t max_body_ = 0;
  Instant started_{};     // the loop's iteration in which the request's head was read
  Instant sent_{};        // when the last attempt was sent
  Instant answered_{};    // when its response head came
  Instant wait_until_{};  // in its pool, since it first waited there
  Wish wish_;             // what decides about its origin, but for `avoid`
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint16_t status_ = 0;
  http::Method method_ = http::Method::kOther;
  std::uint8_t attempts_ = 0;
  std::uint8_t retries_ = 0;  // of those: after something had been sent
  bool retried_stale_ = false;
  bool retried_fresh_ = false;
  bool wants_body_ = false;
  bool request_whole_ = false;
  bool body_passed_ = false;
  bool response_started_ = false;
  bool upgrade_ = false;
  bool tunnel_ = false;
  bool failed_ = false;
  bool waits_in_pool_ = false;
  bool was_held_ = false;
};

}  // namespace fairlead::edge
