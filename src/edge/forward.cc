#include "edge/forward.h"

#include <algorithm>

#include "base/strings.h"
#include "http/h1_writer.h"

namespace fairlead::edge {

namespace {

using http::BodyFraming;
using http::Field;
using http::FieldId;

// Copies fields run by run: neighbours that stand in the source exactly as we would write them
// ("name: value\r\n") go in one piece.
class FieldCopier {
 public:
  explicit FieldCopier(std::string& out) : out_(out) {}
  ~FieldCopier() { end_run(); }

  void copy(const Field& field) {
    const char* value_end = field.value.data() + field.value.size();
    const bool canonical = field.value.data() == field.name.data() + field.name.size() + 2 &&
                           value_end[0] == '\r' &&
                           value_end[-1 - std::ptrdiff_t(field.value.size())] == ' ';
    if (!canonical) {
      end_run();
      http::append_field(out_, field.name, field.value);
      return;
    }
    if (end_ != field.name.data()) {
      end_run();
      begin_ = field.name.data();
    }
    end_ = value_end + 2;
  }

  // Bytes copied so far, the open run included.
  std::size_t size() const { return out_.size() + static_cast<std::size_t>(end_ - begin_); }
  void end_run() {
    out_.append(begin_, end_);
    begin_ = end_ = nullptr;
  }

 private:
  std::string& out_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

// The values of all Connection fields, as one list.
class ConnectionOptions {
 public:
  explicit ConnectionOptions(std::span<const Field> fields) {
    for (const Field& field : fields) {
      if (field.id != FieldId::kConnection) continue;
      if (value_.empty()) {
        value_ = field.value;
      } else {
        joined_ = fmt::format("{},{}", value_, field.value);
        value_ = joined_;
      }
    }
    // The usual values name no field; they need no comparing with each field.
    if (iequals(value_, "keep-alive") || iequals(value_, "close")) value_ = {};
  }
  ConnectionOptions(const ConnectionOptions&) = delete;
  std::string_view value() const { return value_; }

 private:
  std::string_view value_;
  std::string joined_;
};

// A field that applications may take for one of ours: the same name with '_' for '-' (CGI, WSGI
// and Rack make them equal), or X-Real-IP.
bool imitates_ours(std::string_view name) {
  if (name.size() == 9 && iequals(name, "x-real-ip")) return true;
  if (name.find('_') == std::string_view::npos) return false;
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  switch (http::field_id(dashed)) {
    case FieldId::kForwarded:
    case FieldId::kXForwardedFor:
    case FieldId::kXForwardedHost:
    case FieldId::kXForwardedProto:
    case FieldId::kXRequestId:
    case FieldId::kHost:
    case FieldId::kContentLength:
    case FieldId::kTransferEncoding:
      return true;
    default:
      return iequals(dashed, "x-real-ip");
  }
}

bool usable_id(std::string_view id) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.:/+=@").find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), fine);
}

RequestText::Part part_at(std::size_t offset, std::size_t length) {
  return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(length)};
}

void append_framing(std::string& out, const BodyFraming& body) {
  if (body.kind == BodyFraming::Kind::kLength) {
    http::append_field(out, "Content-Length", body.length);
  } else if (body.kind == BodyFraming::Kind::kChunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
}

// Writes the fields that tell the origin about the client.
class ForwardedFields {
 public:
  ForwardedFields(const http::RequestHead& head, const ClientFacts& client)
      : head_(head), client_(client) {}

  void append(std::string& out, std::string_view host) const {
    append_for(out);
    append_single(out, FieldId::kXForwardedProto, "X-Forwarded-Proto: ", proto());
    append_single(out, FieldId::kXForwardedHost, "X-Forwarded-Host: ", host);
    append_forwarded(out, host);
    out += "Via: ";
    append_list(out, FieldId::kVia);
    out += head_.minor_version == 0 ? "1.0 fairlead\r\n" : "1.1 fairlead\r\n";
  }

 private:
  std::string_view proto() const { return client_.tls ? "https" : "http"; }

  // What came in this field, each value followed by ", ".
  void append_list(std::string& out, FieldId id) const {
    for (const Field& field : head_.fields) {
      if (field.id == id && !field.value.empty()) out.append(field.value).append(", ");
    }
  }

  void append_for(std::string& out) const {
    const std::size_t start = out.size();
    out += "X-Forwarded-For: ";
    const std::size_t value = out.size();
    if (client_.trusted) append_list(out, FieldId::kXForwardedFor);
    if (!client_.address.empty()) {
      out.append(client_.address).append("\r\n");
    } else if (out.size() > value) {
      out.replace(out.size() - 2, 2, "\r\n");  // the final ", "
    } else {
      out.resize(start);  // a local client on a Unix socket: there is no address to tell
    }
  }

  void append_single(std::string& out, FieldId id, std::string_view name,
                     std::string_view own) const {
    const Field* sent = client_.trusted ? head_.find(id) : nullptr;
    out.append(name).append(sent ? sent->value : own).append("\r\n");
  }

  void append_forwarded(std::string& out, std::string_view host) const {
    out += "Forwarded: ";
    if (client_.trusted) append_list(out, FieldId::kForwarded);
    if (client_.address.empty()) {
      out += "for=unknown";
    } else if (client_.address.find(':') == std::string_view::npos) {
      out.append("for=").append(client_.address);
    } else {
      out.append("for=\"[").append(client_.address).append("]\"");
    }
    if (!host.empty() && host.find_first_of("\"\\") == std::string_view::npos) {
      out.append(";host=\"").append(host).append("\"");
    }
    out.append(";proto=").append(proto()).append("\r\n");
  }

  const http::RequestHead& head_;
  const ClientFacts& client_;
};

// Request line and Host. Absolute-form becomes origin-form, and its authority replaces Host (RFC
// 9112 §3.2.2).
void append_start(RequestText& out, const http::RequestHead& head) {
  std::string& bytes = out.bytes;
  out.method = part_at(0, head.method_text.size());
  bytes.append(head.method_text).append(" ");
  const bool absolute = !head.target.starts_with('/') && head.target != "*";
  const std::string_view path = absolute && head.path.empty() ? "/" : head.path;
  out.path = part_at(bytes.size(), path.size());
  if (absolute) {
    bytes.append(path);
    if (head.target.find('?') != std::string_view::npos) bytes.append("?").append(head.query);
  } else {
    bytes.append(head.target);
  }
  bytes += " HTTP/1.1\r\nHost: ";
  const std::size_t host = bytes.size();
  const Field* sent = absolute ? nullptr : head.find(FieldId::kHost);
  if (sent) {
    bytes += sent->value;
  } else {
    bytes += head.host;
    if (head.port != 0) bytes.append(":").append(std::to_string(head.port));
  }
  out.host = part_at(host, bytes.size() - host);
  bytes += "\r\n";
}

}  // namespace

void write_request_head(RequestText& out, const http::RequestHead& head, const ClientFacts& client,
                        std::string_view new_id, bool upgrade) {
  out.clear();
  append_start(out, head);
  std::string& bytes = out.bytes;
  const ConnectionOptions options(head.fields);
  const Field* sent_id = nullptr;
  {
    FieldCopier copier(bytes);
    for (const Field& field : head.fields) {
      switch (field.id) {
        case FieldId::kHost:
        case FieldId::kContentLength:
        case FieldId::kForwarded:
        case FieldId::kXForwardedFor:
        case FieldId::kXForwardedHost:
        case FieldId::kXForwardedProto:
        case FieldId::kVia:
          continue;
        case FieldId::kXRequestId:
          if (!sent_id && client.trusted && usable_id(field.value)) sent_id = &field;
          continue;
        case FieldId::kOther:
          if (!client.trusted && imitates_ours(field.name)) continue;
          break;
        default:
          break;
      }
      if (http::is_hop_by_hop(field, options.value())) continue;
      if (field.id == FieldId::kUserAgent) {
        copier.copy(field);
        out.user_agent = part_at(copier.size() - field.value.size() - 2, field.value.size());
        continue;
      }
      copier.copy(field);
    }
  }
  if (upgrade) {
    bytes += "Connection: upgrade\r\n";
    http::append_field(bytes, "Upgrade", head.find(FieldId::kUpgrade)->value);
  }
  append_framing(bytes, head.body);
  ForwardedFields(head, client).append(bytes, std::string(out.view(out.host)));
  const std::string_view id = sent_id ? sent_id->value : new_id;
  bytes += "X-Request-ID: ";
  out.id = part_at(bytes.size(), id.size());
  bytes.append(id).append("\r\n\r\n");
}

void append_response_head(std::string& out, const http::ResponseHead& head,
                          const ResponseForm& form, std::string_view request_id) {
  http::append_status_line(out, head.status);
  // HEAD and 304 tell the length of a body that does not follow; 1xx and 204 must not (RFC 9110
  // §8.6).
  const bool tells_length =
      head.body.kind == BodyFraming::Kind::kNone && head.status >= 200 && head.status != 204;
  const ConnectionOptions options(head.fields);
  {
    FieldCopier copier(out);
    for (const Field& field : head.fields) {
      if (field.id == FieldId::kContentLength && !tells_length) continue;
      if (field.id == FieldId::kXRequestId && !request_id.empty()) continue;
      if (http::is_hop_by_hop(field, options.value())) continue;
      copier.copy(field);
    }
  }
  append_framing(out, form.body);
  switch (form.connection) {
    case ResponseForm::Connection::kKeepAlive:
      break;
    case ResponseForm::Connection::kKeepAliveSaid:
      out += "Connection: keep-alive\r\n";
      break;
    case ResponseForm::Connection::kClose:
      out += "Connection: close\r\n";
      break;
    case ResponseForm::Connection::kUpgrade:
      out += "Connection: upgrade\r\n";
      if (const Field* upgrade = head.find(FieldId::kUpgrade)) {
        http::append_field(out, "Upgrade", upgrade->value);
      }
      break;
  }
  if (!request_id.empty()) out.append("X-Request-ID: ").append(request_id).append("\r\n");
  out += "\r\n";
}

std::string_view forwarded_client(const http::RequestHead& head, const AddressSet& trusted) {
  std::string_view candidate;
  for (auto field = head.fields.rbegin(); field != head.fields.rend(); ++field) {
    if (field->id != FieldId::kXForwardedFor) continue;
    std::string_view list = field->value;
    for (;;) {
      const std::size_t comma = list.rfind(',');
      const std::string_view last = trim(list.substr(comma + 1));
      if (!last.empty()) candidate = last;
      if (!last.empty() && !trusted.contains(last)) return candidate;
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
  return candidate;
}

}  // namespace fairlead::edge
