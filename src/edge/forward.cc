#include "edge/forward.h"

#include <algorithm>

#include "base/strings.h"
#include "edge/connection_options.h"
#include "edge/text_writer.h"
#include "http/h1_writer.h"
#include "http/trace_context.h"

namespace fairlead::edge {

namespace {

using http::BodyFraming;
using http::Field;
using http::FieldId;

void put_field(TextWriter& out, std::string_view name, std::string_view value) {
  out.put(name).put(": ").put(value).put("\r\n");
}

// Copies fields run by run: neighbours that stand in the source exactly as we would write them
// ("name: value\r\n") go in one piece.
class FieldCopier {
 public:
  explicit FieldCopier(TextWriter& out) : out_(out) {}
  ~FieldCopier() { end_run(); }
  FieldCopier(const FieldCopier&) = delete;

  void copy(const Field& field) {
    const char* name_end = field.name.data() + field.name.size();
    const char* value_end = field.value.data() + field.value.size();
    const bool as_written =
        field.value.data() == name_end + 2 && name_end[1] == ' ' && *value_end == '\r';
    if (!as_written) {
      end_run();
      put_field(out_, field.name, field.value);
      return;
    }
    if (end_ != field.name.data()) {
      end_run();
      begin_ = field.name.data();
    }
    end_ = value_end + 2;
  }

  // Where the next field will stand.
  char* at() const { return out_.at() + (end_ - begin_); }

 private:
  void end_run() {
    out_.put({begin_, static_cast<std::size_t>(end_ - begin_)});
    begin_ = end_ = nullptr;
  }
  TextWriter& out_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
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

void put_framing(TextWriter& out, const BodyFraming& body) {
  if (body.kind == BodyFraming::Kind::kLength) {
    out.put("Content-Length: ").put_number(body.length).put("\r\n");
  } else if (body.kind == BodyFraming::Kind::kChunked) {
    out.put("Transfer-Encoding: chunked\r\n");
  }
}

std::size_t text_size(std::span<const Field> fields) {
  std::size_t size = 0;
  for (const Field& field : fields) size += field.name.size() + field.value.size() + 4;
  return size;
}

// Writes the fields that tell the origin about the client.
class ForwardedFields {
 public:
  ForwardedFields(const http::RequestHead& head, const ClientFacts& client, std::string_view host)
      : head_(head), client_(client), host_(host) {}

  void put(TextWriter& out) const {
    put_for(out);
    put_single(out, FieldId::kXForwardedProto, "X-Forwarded-Proto: ", proto());
    put_single(out, FieldId::kXForwardedHost, "X-Forwarded-Host: ", host_);
    put_forwarded(out);
    out.put("Via: ");
    put_list(out, FieldId::kVia);
    out.put(client_.protocol.substr(sizeof "HTTP")).put(" fairlead\r\n");
  }

 private:
  std::string_view proto() const { return client_.tls ? "https" : "http"; }

  // What came in this field, each value followed by ", ".
  void put_list(TextWriter& out, FieldId id) const {
    for (const Field& field : head_.fields) {
      if (field.id == id && !field.value.empty()) out.put(field.value).put(", ");
    }
  }

  void put_for(TextWriter& out) const {
    char* const start = out.at();
    out.put("X-Forwarded-For: ");
    char* const value = out.at();
    if (client_.trusted) put_list(out, FieldId::kXForwardedFor);
    if (!client_.address.empty()) {
      out.put(client_.address).put("\r\n");
    } else if (out.at() > value) {
      out.back_to(out.at() - 2);  // the final ", "
      out.put("\r\n");
    } else {
      out.back_to(start);  // a local client on a Unix socket: there is no address to tell
    }
  }

  void put_single(TextWriter& out, FieldId id, std::string_view name, std::string_view own) const {
    const Field* sent = client_.trusted ? head_.find(id) : nullptr;
    out.put(name).put(sent ? sent->value : own).put("\r\n");
  }

  void put_forwarded(TextWriter& out) const {
    out.put("Forwarded: ");
    if (client_.trusted) put_list(out, FieldId::kForwarded);
    if (client_.address.empty()) {
      out.put("for=unknown");
    } else if (client_.address.find(':') == std::string_view::npos) {
      out.put("for=").put(client_.address);
    } else {
      out.put("for=\"[").put(client_.address).put("]\"");
    }
    if (!host_.empty() && host_.find_first_of("\"\\") == std::string_view::npos) {
      out.put(";host=\"").put(host_).put("\"");
    }
    out.put(";proto=").put(proto()).put("\r\n");
  }

  const http::RequestHead& head_;
  const ClientFacts& client_;
  const std::string_view host_;
};

// Writes a request's head into `text.bytes`, noting where its words are.
class RequestWriter {
 public:
  RequestWriter(RequestText& text, TextWriter& out, const http::RequestHead& head,
                const ClientFacts& client, std::string_view new_trace)
      : text_(text),
        out_(out),
        start_(out.at()),
        head_(head),
        client_(client),
        new_trace_(new_trace) {}

  // Request line and Host. Absolute-form becomes origin-form, and its authority is the Host (RFC
  // 9112 §3.2.2).
  void put_start() {
    text_.method = put_part(head_.method_text);
    out_.put(" ");
    const bool absolute = !head_.target.starts_with('/') && head_.target != "*";
    if (absolute) {
      text_.path = put_part(head_.path.empty() ? "/" : head_.path);
      if (head_.target.find('?') != std::string_view::npos) out_.put("?").put(head_.query);
    } else {
      text_.path = part(out_.at(), head_.path.size());
      out_.put(head_.target);
    }
    out_.put(" HTTP/1.1\r\nHost: ");
    const Field* sent = absolute ? nullptr : head_.find(FieldId::kHost);
    text_.host = put_part(sent ? sent->value : head_.host);
    if (!sent && head_.port != 0) {
      out_.put(":").put_number(head_.port);
      text_.host.length = offset() - text_.host.offset;
    }
    out_.put("\r\n");
  }

  void put_fields() {
    const ConnectionOptions options(head_.fields);
    FieldCopier copier(out_);
    for (const Field& field : head_.fields) {
      if (!passes(field) || http::is_hop_by_hop(field, options.value())) continue;
      copier.copy(field);
      if (field.id == FieldId::kUserAgent || field.id == FieldId::kReferer) {
        (field.id == FieldId::kReferer ? text_.referer : text_.user_agent) =
            part(copier.at() - 2 - field.value.size(), field.value.size());
      }
    }
  }

  void put_rest(std::string_view new_id, bool upgrade) {
    if (upgrade) {
      out_.put("Connection: upgrade\r\n");
      put_field(out_, "Upgrade", head_.find(FieldId::kUpgrade)->value);
    }
    put_framing(out_, head_.body);
    ForwardedFields(head_, client_, {start_ + text_.host.offset, text_.host.length}).put(out_);
    if (!new_trace_.empty()) put_trace();
    out_.put("X-Request-ID: ");
    text_.id = put_part(sent_id_.empty() ? new_id : sent_id_);
    out_.put("\r\n\r\n");
  }

 private:
  void put_trace() {
    const http::TraceParent ours = http::parse_traceparent(new_trace_);
    out_.put("traceparent: 00-");
    text_.trace = put_part(sent_trace_ ? sent_trace_.trace : ours.trace);
    out_.put("-").put(ours.span).put("-");
    out_.put(sent_trace_ ? sent_trace_.flags : ours.flags).put("\r\n");
  }

  // Fields that are not written anew, or left out.
  bool passes(const Field& field) {
    switch (field.id) {
      case FieldId::kHost:
      case FieldId::kContentLength:
      case FieldId::kForwarded:
      case FieldId::kXForwardedFor:
      case FieldId::kXForwardedHost:
      case FieldId::kXForwardedProto:
      case FieldId::kVia:
        return false;
      case FieldId::kXRequestId:
        if (sent_id_.empty() && client_.trusted && usable_id(field.value)) sent_id_ = field.value;
        return false;
      case FieldId::kTraceparent:
        if (new_trace_.empty()) return true;
        sent_trace_ = http::parse_traceparent(field.value);
        return false;
      case FieldId::kOther:
        return client_.trusted || !imitates_ours(field.name);
      default:
        return true;
    }
  }

  std::uint32_t offset() const { return static_cast<std::uint32_t>(out_.at() - start_); }
  RequestText::Part part(const char* at, std::size_t length) const {
    return {static_cast<std::uint32_t>(at - start_), static_cast<std::uint32_t>(length)};
  }
  RequestText::Part put_part(std::string_view word) {
    const RequestText::Part place = part(out_.at(), word.size());
    out_.put(word);
    return place;
  }

  RequestText& text_;
  TextWriter& out_;
  char* const start_;
  const http::RequestHead& head_;
  const ClientFacts& client_;
  std::string_view sent_id_;
  const std::string_view new_trace_;
  http::TraceParent sent_trace_;
};

}  // namespace

void write_request_head(RequestText& text, const http::RequestHead& head, const ClientFacts& client,
                        std::string_view new_id, bool upgrade, std::string_view new_trace) {
  constexpr std::size_t kOurNames = 512;  // names, version, punctuation of what is added
  text.clear();
  const Field* host_field = head.find(FieldId::kHost);
  const std::size_t host =
      std::max(host_field ? host_field->value.size() : 0, head.host.size() + sizeof ":65535");
  // Each field is written once at most, in its place or in a list; Host three times.
  const std::size_t room = kOurNames + head.method_text.size() + head.target.size() + 3 * host +
                           2 * client.address.size() + new_id.size() + text_size(head.fields);
  append_within(text.bytes, room, [&](TextWriter& out) {
    RequestWriter writer(text, out, head, client, new_trace);
    writer.put_start();
    writer.put_fields();
    writer.put_rest(new_id, upgrade);
  });
}

void write_request_words(RequestText& out, const http::RequestHead& head, const ClientFacts& client,
                         std::string_view new_id) {
  out.clear();
  const auto append = [&](std::string_view word) {
    const std::size_t offset = out.bytes.size();
    out.bytes += word;
    return RequestText::Part{static_cast<std::uint32_t>(offset),
                             static_cast<std::uint32_t>(word.size())};
  };
  const auto value_of = [](const Field* field) {
    return field ? field->value : std::string_view();
  };
  out.method = append(head.method_text);
  out.path = append(head.path.empty() ? "/" : head.path);
  out.host = append(head.target.starts_with('/') ? value_of(head.find(FieldId::kHost)) : head.host);
  out.user_agent = append(value_of(head.find(FieldId::kUserAgent)));
  out.referer = append(value_of(head.find(FieldId::kReferer)));
  const std::string_view sent_id =
      client.trusted ? value_of(head.find(FieldId::kXRequestId)) : std::string_view();
  out.id = append(usable_id(sent_id) ? sent_id : new_id);
}

// HEAD and 304 tell the length of a body that does not follow; 1xx and 204 must not (RFC 9110
// §8.6).
bool tells_length(const http::ResponseHead& head) {
  return head.body.kind == BodyFraming::Kind::kNone && head.status >= 200 && head.status != 204;
}

void append_response_head(std::string& out, const http::ResponseHead& head,
                          const ResponseForm& form, std::string_view request_id) {
  using Connection = ResponseForm::Connection;
  constexpr std::size_t kOurs = 256;
  http::append_status_line(out, head.status);
  const bool length_passes = tells_length(head);
  const ConnectionOptions options(head.fields);
  const std::size_t room = kOurs + text_size(head.fields) + request_id.size();
  append_within(out, room, [&](TextWriter& writer) {
    for (FieldCopier copier(writer); const Field& field : head.fields) {
      if (field.id == FieldId::kContentLength && !length_passes) continue;
      if (field.id == FieldId::kXRequestId && !request_id.empty()) continue;
      if (!http::is_hop_by_hop(field, options.value())) copier.copy(field);
    }
    put_framing(writer, form.body);
    if (form.connection == Connection::kKeepAliveSaid) writer.put("Connection: keep-alive\r\n");
    if (form.connection == Connection::kClose) writer.put("Connection: close\r\n");
    if (form.connection == Connection::kUpgrade) {
      writer.put("Connection: upgrade\r\n");
      const Field* upgrade = head.find(FieldId::kUpgrade);
      if (upgrade) put_field(writer, "Upgrade", upgrade->value);
    }
    if (!request_id.empty()) put_field(writer, "X-Request-ID", request_id);
    writer.put("\r\n");
  });
}

void response_fields(std::vector<Field>& out, const http::ResponseHead& head,
                     std::string_view length, std::string_view request_id) {
  out.clear();
  const bool length_passes = tells_length(head);
  const ConnectionOptions options(head.fields);
  for (const Field& field : head.fields) {
    if (field.id == FieldId::kContentLength && !length_passes) continue;
    if (field.id == FieldId::kXRequestId && !request_id.empty()) continue;
    if (head.status == 101 && iequals(field.name, "sec-websocket-accept")) continue;
    if (!http::is_hop_by_hop(field, options.value())) out.push_back(field);
  }
  if (!length.empty()) out.push_back({"content-length", length, FieldId::kContentLength});
  if (!request_id.empty()) out.push_back({"x-request-id", request_id, FieldId::kXRequestId});
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

bool came_by_tls(const http::RequestHead& head, const ClientFacts& client) {
  const Field* proto = client.trusted ? head.find(FieldId::kXForwardedProto) : nullptr;
  return proto ? proto->value == "https" : client.tls;
}

}  // namespace fairlead::edge
