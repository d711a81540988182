// Requests and responses that own their text: for services, control and clients. The edge uses
// head.h instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/head.h"

namespace fairlead::http {

// Field lines in order; names compare in any case.
class Fields {
 public:
  void add(std::string name, std::string value) {
    lines_.push_back({std::move(name), std::move(value)});
  }
  void set(std::string name, std::string value);  // replaces all of that name
  void remove(std::string_view name);
  const std::string* find(std::string_view name) const;  // the first
  std::string joined(std::string_view name) const;       // all, ", " between them (RFC 9110 §5.3)
  struct Line {
    std::string name, value;
  };
  auto begin() const { return lines_.begin(); }
  auto end() const { return lines_.end(); }
  std::size_t size() const { return lines_.size(); }

 private:
  std::vector<Line> lines_;
};

struct Request {
  Method method = Method::kGet;
  std::string method_text = "GET";
  std::string target = "/";
  std::string path = "/";  // percent-decoded; the router's input
  std::string query;       // raw, without '?'
  std::string host;        // lower case, without port
  Fields fields;
  std::string body;  // filled by Server when the handler asks for the whole of it; see server.h
  std::string peer;  // address of the connection, "unix:" for Unix sockets
  std::string id;    // X-Request-ID, made when absent

  // The value of a query parameter, percent- and plus-decoded.
  std::optional<std::string> parameter(std::string_view name) const;
};

struct Response {
  std::uint16_t status = 200;
  Fields fields;
  std::string body;

  static Response text(std::string body, std::uint16_t status = 200);
  static Response html(std::string body, std::uint16_t status = 200);
  static Response json(std::string body, std::uint16_t status = 200);
  // application/problem+json, RFC 9457.
  static Response problem(std::uint16_t status, std::string_view title,
                          std::string_view detail = {});
};

// Percent-decoding (RFC 3986 §2.1); kInvalid for a broken escape or a NUL.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
std::string percent_encode(std::string_view text);

}  // namespace fairlead::http
