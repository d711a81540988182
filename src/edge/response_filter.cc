#include "edge/response_filter.h"

#include <fmt/format.h>

#include "http/h1_writer.h"

namespace fairlead::edge {

using http::BodyFraming;
using http::Field;
using http::FieldId;

namespace {

// Below this a compressed body is hardly smaller than it was.
constexpr std::uint64_t kLeastToCompress = 512;

std::string_view value_of(const http::ResponseHead& head, FieldId id) {
  const Field* field = head.find(id);
  return field ? field->value : std::string_view();
}

}  // namespace

void ResponseFilter::begin(ClientStream& client, RoutePolicyPtr policy, const Asker& asker) {
  client_ = &client;
  policy_ = std::move(policy);
  method_ = asker.head.method;
  tls_ = asker.tls;
  const Field* origin = asker.head.find(FieldId::kOrigin);
  origin_ = origin ? origin->value : std::string_view();
  const Field* accept = asker.head.find(FieldId::kAcceptEncoding);
  coding_ = accept && policy_ && policy_->compresses() ? http::choose_coding(accept->value)
                                                       : http::Coding::kIdentity;
}

ClientStream& ResponseFilter::release() {
  policy_.reset();
  encoder_.reset();
  lines_.clear();
  return *std::exchange(client_, nullptr);
}

// A part (206) or an answer that is coded already stays as it is, and so does one whose origin
// forbids it (RFC 9111 §5.2.2.6).
bool ResponseFilter::will_compress(const http::ResponseHead& head) const {
  if (coding_ == http::Coding::kIdentity || head.status != 200) return false;
  if (head.body.kind == BodyFraming::Kind::kLength && head.body.length < kLeastToCompress)
    return false;
  return value_of(head, FieldId::kContentEncoding).empty() &&
         value_of(head, FieldId::kCacheControl).find("no-transform") == std::string_view::npos &&
         http::is_compressible(value_of(head, FieldId::kContentType));
}

void ResponseFilter::write_head(const http::ResponseHead& head, bool compressed) {
  text_.clear();
  http::append_status_line(text_, head.status);
  const auto line = [&](std::string_view name, std::string_view value) {
    text_.append(name).append(": ").append(value).append("\r\n");
  };
  for (const Field& field : head.fields) {
    if (policy_ && policy_->replaces(field)) continue;
    if (compressed && (field.id == FieldId::kContentLength ||
                       field.id == FieldId::kTransferEncoding || field.name == "Accept-Ranges"))
      continue;
    // Another representation has another strong validator (RFC 9110 §8.8.1).
    const bool weaken = compressed && field.id == FieldId::kETag && !field.value.starts_with("W/");
    line(field.name, weaken ? fmt::format("W/{}", field.value) : field.value);
  }
  if (compressed) {
    line("Content-Encoding", http::to_string(coding_));
    line("Transfer-Encoding", "chunked");
  }
  text_ += lines_;
  if (policy_) append_policy(head);
  text_ += "\r\n";
}

void ResponseFilter::append_policy(const http::ResponseHead& head) {
  const bool might =
      policy_->compresses() && http::is_compressible(value_of(head, FieldId::kContentType));
  if (might) text_ += "Vary: Accept-Encoding\r\n";
  Field origin{"Origin", origin_, FieldId::kOrigin};
  http::RequestHead request;
  request.method = method_;
  if (!origin_.empty()) request.fields = {&origin, 1};
  policy_->append_fields(text_, head, {.head = request, .address = {}, .tls = tls_});
}

void ResponseFilter::send_head(const http::ResponseHead& head, std::string_view request_id) {
  if (head.status == 101 || (!policy_ && lines_.empty()))
    return client_->send_head(head, request_id);
  const bool compressed = will_compress(head);
  write_head(head, compressed);
  std::size_t scanned = 0;
  if (parser_.parse_response(text_, scanned, method_) != http::ParseState::kComplete) {
    return client_->send_head(head, request_id);  // more fields than a head may have
  }
  http::ResponseHead changed = parser_.response();
  if (!compressed) changed.body = head.body;
  if (compressed && changed.body.kind != BodyFraming::Kind::kNone)
    encoder_ = http::Encoder::make(coding_);
  client_->send_head(changed, request_id);
}

void ResponseFilter::send_body(std::string_view data, bool end, std::string_view trailers) {
  if (!encoder_) return client_->send_body(data, end, trailers);
  text_.clear();
  encoder_->write(data, false, end, text_);
  unflushed_ = true;
  if (end) encoder_.reset();
  if (end || !text_.empty()) client_->send_body(text_, end, trailers);
}

// Whoever flushes wants the client to see what there is: events must not wait for more of them.
void ResponseFilter::flush() {
  if (encoder_ && std::exchange(unflushed_, false)) {
    text_.clear();
    encoder_->write({}, true, false, text_);
    if (!text_.empty()) client_->send_body(text_, false, {});
  }
  client_->flush();
}

}  // namespace fairlead::edge
