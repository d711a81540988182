// Requests and responses that own their text: for services, control and clients. The edge uses
// head.h instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/head.h"

namespace fairlead::http {

// Field lines in order; names compare in any case.
class Fields {
 public:
  struct Line {
    std::string name, value;
  };
  Fields() = default;
  Fields(const Fields&) = default;
  Fields(Fields&& other) noexcept
      : lines_(std::move(other.lines_)), size_(std::exchange(other.size_, 0)) {}
  Fields& operator=(Fields other) noexcept {
    lines_.swap(other.lines_);
    std::swap(size_, other.size_);
    return *this;
  }

  void add(std::string name, std::string value);
  void set(std::string name, std::string value);  // replaces all of that name
  void remove(std::string_view name);
  const std::string* find(std::string_view name) const;  // the first
  std::string joined(std::string_view name) const;       // all, ", " between them (RFC 9110 §5.3)
  auto begin() const { return lines_.begin(); }
  auto end() const { return lines_.begin() + static_cast<std::ptrdiff_t>(size_); }
  std::size_t size() const { return size_; }

  // For those who fill the same object again and again (a server's connection): the memory of
  // earlier lines is used for new ones.
  void clear() { size_ = 0; }
  void add_copy(std::string_view name, std::string_view value);

 private:
  std::vector<Line> lines_;  // the first size_ count, the others keep their memory for later
  std::size_t size_ = 0;
};

struct Request {
  Method method = Method::kGet;
  std::string method_text = "GET";
  std::string target = "/";
  std::string path = "/";  // percent-decoded; the router's input
  std::string query;       // raw, without '?'
  std::string host;        // lower case, without port
  Fields fields;
  std::string body;  // what a Client sends; a Server leaves it empty, see Exchange
  std::string peer;  // IP address of the connection without port, "unix:" for Unix sockets
  std::optional<std::uint32_t> peer_uid;  // who connected to a Unix socket, by SO_PEERCRED
  std::string id;                         // X-Request-ID, made when absent

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
