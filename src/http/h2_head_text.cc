#include "http/h2_head_text.h"

#include "base/strings.h"
#include "http/h1_bytes.h"

namespace fairlead::http {

namespace {
// What one session keeps for its next head.
constexpr std::size_t kKeep = 4 * 1024;
}  // namespace

void H2HeadText::begin(Kind kind, std::size_t max_bytes) {
  kind_ = kind;
  max_bytes_ = max_bytes;
  decoded_ = 0;
  text_.clear();
  for (std::string* word : {&method_, &path_, &authority_, &status_, &protocol_, &cookie_}) {
    word->clear();
  }
  error_ = {.status = 0, .reason = {}};
  has_length_ = false;
  started_ = kind == Kind::kTrailers;
  if (started_) text_ = "0\r\n";
}

void H2HeadText::add(std::string_view name, std::string_view value) {
  decoded_ += name.size() + value.size();
  if (error_.status != 0) return;
  if (text_.size() + cookie_.size() + name.size() + value.size() > max_bytes_) {
    return refuse("the head is too large", 431);
  }
  if (name.empty() ||
      skip_value(value.data(), value.data() + value.size()) != value.data() + value.size()) {
    return refuse("invalid byte in a field");
  }
  if (name.front() == ':') return add_pseudo(name, value);
  if (!all(name, kToken)) return refuse("invalid byte in a field name");
  if (!started_) put_start();
  if (name == "cookie") {  // in pieces, for HPACK's sake; one field in HTTP/1.1 (RFC 9113 §8.2.3)
    cookie_.append(cookie_.empty() ? "" : "; ").append(value);
    return;
  }
  if (name == "host" && kind_ == Kind::kRequest && !authority_.empty()) {
    if (!iequals(value, authority_)) refuse("Host and :authority differ");
    return;
  }
  if (name == "content-length") has_length_ = true;
  put(name, value);
}

void H2HeadText::add_pseudo(std::string_view name, std::string_view value) {
  if (started_) return refuse("a pseudo-header field after others");
  if (value.find(' ') != std::string_view::npos) return refuse("a space in a pseudo-header field");
  if (name == ":method") {
    method_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == ":status") {
    status_ = value;
  } else if (name == ":protocol") {
    protocol_ = value;
  } else if (name != ":scheme" || (value != "https" && value != "http")) {
    refuse("unknown pseudo-header field or scheme");
  }
}

void H2HeadText::put_start() {
  started_ = true;
  if (kind_ == Kind::kResponse) {
    text_.append("HTTP/1.1 ").append(status_).append(" \r\n");
    return;
  }
  const bool tunnel = method_ == "CONNECT" && protocol_.empty();
  text_.append(protocol_.empty() ? std::string_view(method_) : "GET").append(" ");
  text_.append(tunnel ? authority_ : path_).append(" HTTP/1.1\r\n");
  if (!authority_.empty()) put("host", authority_);
  if (!protocol_.empty()) {
    put("connection", "upgrade");
    put("upgrade", protocol_);
  }
}

void H2HeadText::finish(bool whole) {
  if (!started_) put_start();
  if (!cookie_.empty()) put("cookie", cookie_);
  const bool interim = kind_ == Kind::kResponse && status_.starts_with('1');
  const bool has_body = !whole && !has_length_ && kind_ != Kind::kTrailers && protocol_.empty() &&
                        method_ != "CONNECT" && !interim;
  if (has_body) put("transfer-encoding", "chunked");
  text_.append("\r\n");
}

void H2HeadText::put(std::string_view name, std::string_view value) {
  text_.append(name).append(": ").append(value).append("\r\n");
}

void H2HeadText::refuse(std::string_view reason, std::uint16_t status) {
  error_ = {status, reason};
}

void H2HeadText::forget() {
  if (text_.capacity() > kKeep) text_ = std::string();
  if (cookie_.capacity() > kKeep) cookie_ = std::string();
  if (path_.capacity() > kKeep) path_ = std::string();
}

}  // namespace fairlead::http
