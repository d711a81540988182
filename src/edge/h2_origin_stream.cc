#include "edge/h2_origin_stream.h"

#include "edge/exchange.h"
#include "edge/h2_origin_connection.h"
#include "edge/worker.h"

namespace fairlead::edge {

using http::BodyFraming;
using http::H2Error;

namespace {
// What may be queued of a request's body before its client is not read any more.
constexpr std::size_t kCrowded = 32 * 1024;
}  // namespace

void H2OriginStream::begin(Exchange& exchange, http::Method method) {
  exchange_ = &exchange;
  method_ = method;
}

bool H2OriginStream::connected() const { return connection_.connected(); }
bool H2OriginStream::reused() const { return connection_.reused(); }

void H2OriginStream::connected_now() {
  if (exchange_) exchange_->origin_connected();
}

// ---- the request

void H2OriginStream::send_head(std::string_view text, BodyFraming) { head_text_ = text; }

// The text is ours, and so it is parsed as it was written.
bool H2OriginStream::open(bool whole) {
  const std::string_view text = std::exchange(head_text_, {});
  if (text.empty() || opened_) return opened_;
  http::HeadParser& parser = connection_.worker().cache_request_parser();
  std::size_t scanned = 0;
  parser.parse_request(text, scanned);
  opened_ = sent_ = connection_.session().open(*this, parser.request(), "http", whole);
  connection_.flush_soon();
  return opened_;
}

void H2OriginStream::send_body(std::string_view data, bool end, std::string_view trailers) {
  const bool first = !opened_;
  const bool whole = end && data.empty() && trailers.empty();
  if (!open(whole) || (first && whole)) return update_timeout();
  connection_.session().send_body(*this, data, end, trailers);
  crowded_ = queued() > kCrowded;
  connection_.flush_soon();
  update_timeout();
}

void H2OriginStream::flush() {
  open(false);
  update_timeout();
}

void H2OriginStream::on_room() {
  if (std::exchange(crowded_, false) && exchange_) exchange_->origin_drained();
}

// ---- the response

void H2OriginStream::on_head(const http::H2HeadText& text, bool whole) {
  if (!exchange_) return;
  http::HeadParser& parser = connection_.worker().response_parser();
  std::size_t scanned = 0;
  const bool valid =
      text.error().status == 0 &&
      parser.parse_response(text.text(), scanned, method_) == http::ParseState::kComplete &&
      parser.response().status != 101;  // RFC 9113 §8.6
  if (!valid) {
    break_off();
    return fail(Failure::kProtocol);
  }
  http::ResponseHead head = parser.response();
  if (head.status < 200) return exchange_->response_interim(head);
  connection_.input_came(*this);
  answered_ = true;
  if (whole && head.body.kind == BodyFraming::Kind::kUntilClose) {
    head.body = {BodyFraming::Kind::kLength, 0};
  }
  exchange_->response_head(head);
  if (whole) on_end({});
}

void H2OriginStream::on_body(std::string_view data) {
  connection_.input_came(*this);
  if (exchange_ && paused_) {
    body_.append(data);
    return;
  }
  connection_.session().consumed(*this, data.size());
  connection_.flush_soon();
  if (exchange_) exchange_->response_body(data, false, {});
}

void H2OriginStream::on_end(std::string_view trailers) {
  whole_ = true;
  trailers_ = trailers;
  pass_body();  // paused or not: it is little, and the connection may be gone soon
}

void H2OriginStream::pass_body() {
  const std::string data = std::exchange(body_, {});
  if (!data.empty()) {
    connection_.session().consumed(*this, data.size());
    connection_.flush_soon();
  }
  if (exchange_ && (whole_ || !data.empty())) exchange_->response_body(data, whole_, trailers_);
}

void H2OriginStream::input_done() {
  if (exchange_ && answered_) exchange_->response_flush();
  update_timeout();
}

void H2OriginStream::pause() {
  paused_ = true;
  update_timeout();
}

void H2OriginStream::resume() {
  paused_ = false;
  pass_body();
  if (exchange_) exchange_->response_flush();
  update_timeout();
}

// ---- the end

void H2OriginStream::finish() { leave(); }

void H2OriginStream::abandon() {
  leave();
  break_off();
}

// What is forgotten by the exchange is forgotten by the session too, now or when it closes.
void H2OriginStream::break_off() {
  if (!opened_) return connection_.stream_closed(*this);
  connection_.session().reset(*this, H2Error::kCancel);
  connection_.flush_soon();
}

void H2OriginStream::leave() {
  exchange_ = nullptr;
  head_text_ = {};
  cancel_timeout();
  if (body_.empty()) return;
  connection_.session().consumed(*this, body_.size());
  body_ = std::string();
}

void H2OriginStream::fail(Failure failure) {
  Exchange* exchange = exchange_;
  leave();
  if (exchange) exchange->origin_failed(failure);
}

void H2OriginStream::connection_failed(Failure failure) {
  fail(answered_ ? Failure::kBroken : failure);
}

void H2OriginStream::on_closed(H2Error code) {
  if (code == H2Error::kRefused) sent_ = false;
  fail(answered_ ? Failure::kBroken : Failure::kClosed);
  connection_.stream_closed(*this);
}

// ---- waiting

void H2OriginStream::update_timeout() {
  if (!exchange_ || !connected()) return;
  Worker& worker = connection_.worker();
  const control::EdgeTimeouts& timeouts = worker.plan().timeouts();
  if (paused_ || (exchange_->waits_for_client() && queued() == 0)) {
    cancel_timeout();
  } else if (answered_) {
    worker.timeouts().origin_body.arm(*this, timeouts.origin_body);
  } else {
    worker.timeouts().response.arm(*this, timeouts.response);
  }
}

void H2OriginStream::on_timeout() {
  break_off();
  fail(Failure::kResponseTimeout);
}

}  // namespace fairlead::edge
