#include "edge/h2_stream.h"

#include "edge/exchange.h"
#include "edge/h2_connection.h"
#include "edge/worker.h"
#include "http/websocket.h"

namespace fairlead::edge {

using http::BodyFraming;
using http::FieldId;
using http::H2Error;

namespace {
// What may be queued of a response before its origin is not read any more.
constexpr std::size_t kCrowded = 32 * 1024;
// A client that has ended its side of a tunnel; see ClientConnection.
constexpr Duration kHalfClosedPatience = 5s;
}  // namespace

void H2ClientStream::recycle() {
  reset_stream();
  body_ = std::string();
  trailers_.clear();
  accept_.clear();
  mark_ = received_ = 0;
  wait_ = Wait::kNone;
  whole_ = end_passed_ = passing_ = crowded_ = muted_ = false;
}

// ---- the request

void H2ClientStream::on_head(const http::H2HeadText& head, bool whole) {
  whole_ = end_passed_ = whole;
  connection_.input_came(*this);
  if (head.error().status != 0) return refuse(head.error());
  std::string with_key;
  std::string_view text = head.text();
  if (!head.protocol().empty()) {
    if (!take_websocket(head, with_key)) return refuse({501, "only websocket is known here"});
    text = with_key;
  }
  http::HeadParser& parser = connection_.worker().request_parser();
  std::size_t scanned = 0;
  if (parser.parse_request(text, scanned) != http::ParseState::kComplete) {
    return refuse(parser.error());
  }
  exchange_ = connection_.worker().new_exchange();
  exchange_->start(*this, parser.request(), connection_.facts());
}

void H2ClientStream::refuse(const http::ParseError& error) {
  if (error.status == 431) connection_.worker().stats().hit(Limit::kHeadSize);
  exchange_ = connection_.worker().new_exchange();
  exchange_->start_refused(*this, connection_.facts(), error);
}

// The origin's side of a WebSocket is HTTP/1.1, with a key that HTTP/2 does not have.
bool H2ClientStream::take_websocket(const http::H2HeadText& head, std::string& text) {
  if (head.protocol() != "websocket") return false;
  const std::string key = http::websocket_key();
  accept_ = http::websocket_accept(key);
  text = head.text();
  text.insert(text.size() - 2, fmt::format("sec-websocket-key: {}\r\n", key));
  return true;
}

void H2ClientStream::on_body(std::string_view data) {
  received_ += data.size();
  if (!exchange_) return give_credit(data.size());
  connection_.input_came(*this);
  if (!body_.empty() || !exchange_->wants_body()) {
    body_.append(data);
    return;
  }
  give_credit(data.size());
  exchange_->request_body(data, false, {});
}

void H2ClientStream::give_credit(std::size_t bytes) {
  connection_.session().consumed(*this, bytes);
  connection_.flush_soon();
}

void H2ClientStream::on_end(std::string_view trailers) {
  whole_ = true;
  trailers_ = trailers;
  if (exchange_) pass_body();
}

void H2ClientStream::resume_request_body() {
  if (passing_) return;
  pass_body();
  if (exchange_) exchange_->request_flush();
}

void H2ClientStream::pass_body() {
  passing_ = true;
  while (exchange_ && exchange_->wants_body() && !end_passed_ && (!body_.empty() || whole_)) {
    const std::string data = std::exchange(body_, {});
    if (!data.empty()) give_credit(data.size());
    end_passed_ = whole_;
    exchange_->request_body(data, whole_, trailers_);
  }
  passing_ = false;
  update_timeout();
}

// Of an exchange that is over: the client gets its credit back.
void H2ClientStream::forget_body() {
  if (!body_.empty()) give_credit(body_.size());
  body_ = std::string();
}

void H2ClientStream::input_done() {
  if (exchange_ && !end_passed_) exchange_->request_flush();
  update_timeout();
}

// ---- the response

void H2ClientStream::send_interim(const http::ResponseHead& head) {
  std::vector<http::Field>& fields = connection_.worker().h2_fields();
  response_fields(fields, head, {}, {});
  connection_.session().respond(*this, head.status, fields, false);
  flush();
}

void H2ClientStream::send_head(const http::ResponseHead& head, std::string_view request_id) {
  const bool switching = head.status == 101;
  if (switching && !accepts_websocket(head)) {
    connection_.session().reset(*this, H2Error::kInternal);
    return flush();
  }
  const bool has_length = head.body.kind == BodyFraming::Kind::kLength;
  muted_ = !switching &&
           (head.body.kind == BodyFraming::Kind::kNone || (has_length && head.body.length == 0));
  const fmt::format_int length(head.body.length);
  std::vector<http::Field>& fields = connection_.worker().h2_fields();
  response_fields(fields, head,
                  has_length ? std::string_view(length.data(), length.size()) : std::string_view(),
                  request_id);
  connection_.session().respond(*this, switching ? 200 : head.status, fields, muted_);
}

bool H2ClientStream::accepts_websocket(const http::ResponseHead& head) const {
  const http::Field* accept = head.find("sec-websocket-accept");
  return accept && !accept_.empty() && accept->value == accept_;
}

void H2ClientStream::send_body(std::string_view data, bool end, std::string_view trailers) {
  if (muted_) return;
  connection_.session().send_body(*this, data, end, trailers);
  crowded_ = queued() > kCrowded;
}

void H2ClientStream::flush() {
  connection_.flush_soon();
  update_timeout();
}

void H2ClientStream::on_room() {
  if (!std::exchange(crowded_, false) || !exchange_) return;
  exchange_->client_drained();
}

// ---- the end

void H2ClientStream::exchange_finished() {
  exchange_ = nullptr;
  forget_body();
  update_timeout();
}

void H2ClientStream::exchange_cut() {
  exchange_ = nullptr;
  forget_body();
  connection_.session().reset(*this, H2Error::kInternal);
  connection_.flush_soon();
}

void H2ClientStream::on_closed(H2Error) {
  gone();
  connection_.stream_closed(*this);  // it may be another stream from here on
}

void H2ClientStream::gone() {
  cancel_timeout();
  forget_body();
  if (Exchange* exchange = std::exchange(exchange_, nullptr)) exchange->client_gone();
}

// ---- waiting

H2ClientStream::Wait H2ClientStream::what_to_wait_for() const {
  if (queued() > 0) return Wait::kWrite;
  if (!exchange_) return Wait::kNone;
  if (exchange_->tunnel()) return whole_ ? Wait::kHalfClosed : Wait::kNone;
  return !whole_ && exchange_->wants_body() ? Wait::kBody : Wait::kNone;
}

void H2ClientStream::update_timeout() {
  const Wait wait = what_to_wait_for();
  if (wait == wait_) return;
  wait_ = wait;
  mark_ = wait == Wait::kWrite ? framed() : received_;
  Worker& worker = connection_.worker();
  const control::EdgeTimeouts& timeouts = worker.plan().timeouts();
  switch (wait) {
    case Wait::kNone:
      return cancel_timeout();
    case Wait::kBody:
      return worker.timeouts().body.arm(*this, timeouts.body);
    case Wait::kWrite:
      return worker.timeouts().write.arm(*this, timeouts.write);
    case Wait::kHalfClosed:
      return worker.timeouts().linger.arm(*this, kHalfClosedPatience);
  }
}

// What has moved since the timeout was armed gets as much time again: nothing is armed anew with
// each frame.
void H2ClientStream::on_timeout() {
  const Wait waited = std::exchange(wait_, Wait::kNone);
  const std::uint64_t moved = waited == Wait::kWrite ? framed() : received_;
  if (waited != what_to_wait_for() || moved != mark_) return update_timeout();
  switch (waited) {
    case Wait::kNone:
      return;
    case Wait::kBody:
      connection_.worker().stats().hit(Limit::kBodyTime);
      return exchange_->request_failed({408, "the request body did not come in time"});
    case Wait::kWrite:
      connection_.worker().stats().hit(Limit::kWriteTime);
      break;
    case Wait::kHalfClosed:
      break;
  }
  connection_.session().reset(*this, H2Error::kCancel);
  connection_.flush_soon();
}

}  // namespace fairlead::edge
