#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::http {

// An http:// or https:// URL of a server that is talked to.
struct Url {
  bool tls = false;
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 80;
  std::string path;  // "" or "/prefix", without a slash at its end

  std::string authority() const;  // for the Host field: without a port that goes without saying
};

// kInvalid, naming `variable`.
Result<Url> parse_url(std::string_view variable, std::string_view text);

}  // namespace fairlead::http
