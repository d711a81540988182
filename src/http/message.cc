#include "http/message.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "http/h1_bytes.h"
#include "http/h1_writer.h"

namespace fairlead::http {

// ---- Fields

void Fields::add(std::string name, std::string value) {
  lines_.resize(size_);
  lines_.push_back({std::move(name), std::move(value)});
  ++size_;
}

void Fields::add_copy(std::string_view name, std::string_view value) {
  if (size_ == lines_.size()) lines_.emplace_back();
  lines_[size_].name.assign(name);
  lines_[size_].value.assign(value);
  ++size_;
}

void Fields::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Fields::remove(std::string_view name) {
  lines_.resize(size_);
  std::erase_if(lines_, [name](const Line& line) { return iequals(line.name, name); });
  size_ = lines_.size();
}

const std::string* Fields::find(std::string_view name) const {
  for (const Line& line : *this)
    if (iequals(line.name, name)) return &line.value;
  return nullptr;
}

std::string Fields::joined(std::string_view name) const {
  std::string all;
  bool first = true;
  for (const Line& line : *this) {
    if (!iequals(line.name, name)) continue;
    if (!std::exchange(first, false)) all += ", ";
    all += line.value;
  }
  return all;
}

// ---- Request

std::optional<std::string> Request::parameter(std::string_view name) const {
  for (std::string_view rest = query; !rest.empty();) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto key = percent_decode(pair.substr(0, equals), true);
    if (!key || *key != name) continue;
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!value) return std::nullopt;
    return *std::move(value);
  }
  return std::nullopt;
}

// ---- Response

namespace {

Response with_type(std::uint16_t status, const char* type, std::string body) {
  Response response;
  response.status = status;
  response.fields.add("Content-Type", type);
  response.body = std::move(body);
  return response;
}

// RFC 8259 §7. Bytes that are no UTF-8 cannot be told apart here and stay: problem documents carry
// our own words.
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out.append({'\\', c});
    else if (static_cast<unsigned char>(c) < 0x20)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  out += '"';
}

}  // namespace

Response Response::text(std::string body, std::uint16_t status) {
  return with_type(status, "text/plain; charset=utf-8", std::move(body));
}

Response Response::html(std::string body, std::uint16_t status) {
  return with_type(status, "text/html; charset=utf-8", std::move(body));
}

Response Response::json(std::string body, std::uint16_t status) {
  return with_type(status, "application/json", std::move(body));
}

Response Response::problem(std::uint16_t status, std::string_view title, std::string_view detail) {
  std::string body = "{\"title\":";
  append_json_string(body, title);
  fmt::format_to(std::back_inserter(body), ",\"status\":{}", status);
  if (!detail.empty()) {
    body += ",\"detail\":";
    append_json_string(body, detail);
  }
  body += "}\n";
  return with_type(status, "application/problem+json", std::move(body));
}

// ---- percent-encoding

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const auto byte = text.size() - i > 2 ? parse_unsigned(text.substr(i + 1, 2), 16)
                                            : std::optional<std::uint64_t>();
      if (!byte) return fail(Code::kInvalid, "broken percent escape");
      c = static_cast<char>(*byte);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return fail(Code::kInvalid, "NUL in a percent-encoded text");
    decoded += c;
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    // Unreserved, RFC 3986 §2.3: what a host name may hold.
    if (is(c, kHost))
      encoded += c;
    else
      fmt::format_to(std::back_inserter(encoded), "%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace fairlead::http
