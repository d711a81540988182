// The values that fairlead.toml and the command line write as text. Strict: what is not exactly of
// the form is kInvalid; the error reads after the value's name ("ttl: '5 sec' is not a duration…")
// and its hint is what was probably meant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "config/app_spec.h"

namespace fairlead::config {

// "250ms", "5s", "10m", "1h", "7d": a whole number and one unit; at most ten years.
Result<Duration> parse_duration(std::string_view text);
std::string write_duration(Duration duration);  // in the largest unit that leaves no rest

// "512K", "64M", "2G", "1T": a whole number of KiB, MiB, GiB, TiB. Bytes.
Result<std::uint64_t> parse_size(std::string_view text);
std::string write_size(std::uint64_t bytes);

// "50/s", "300/m", "1000/h", "10000/d".
Result<Rate> parse_rate(std::string_view text);
std::string write_rate(const Rate& rate);

// "1.0.1", "2.0.0-rc.1" (SemVer 2.0.0 without build metadata, which builds append).
Result<std::string> parse_version(std::string_view text);

// A DNS label in lower case (RFC 1123 §2.1): names of apps, environments, processes, services.
Result<std::string> parse_name(std::string_view text);
// The name that `text` comes nearest to: "My App" gives "my-app". Nothing where none does.
std::optional<std::string> nearest_name(std::string_view text);

// A host name, "*.example.com", or "*" for every host, which gives "". In lower case.
Result<std::string> parse_host(std::string_view text);

// "/readyz": an absolute path as it stands in a request, without query (RFC 9110 §4.1).
Result<std::string> parse_path(std::string_view text);
// The same, ending in '*' where more may follow: "/static/*".
Result<std::string> parse_path_pattern(std::string_view text);

// A path below a folder, by its text alone: relative, and not leaving the folder by "..".
Result<std::string> parse_inner_path(std::string_view text);
// A folder relative to another; it may lie beside or above it.
Result<std::string> parse_relative_folder(std::string_view text);

// A token of HTTP (RFC 9110 §5.6.2): the name of a header field or a cookie.
Result<std::string> parse_token(std::string_view text);
// What may stand in a field's value: no line ends, no control characters.
Result<std::string> parse_field_value(std::string_view text);
// "NAME: value".
Result<std::string> parse_field_line(std::string_view text);
// "GET", "PROPFIND": a token without lower-case letters.
Result<std::string> parse_method(std::string_view text);
// "10.0.0.0/8", "fd00::/8", or a single address.
Result<std::string> parse_network(std::string_view text);
// "client", "header:NAME" or "cookie:NAME".
Result<std::string> parse_key_source(std::string_view text);

// The name of an environment variable (POSIX: letters, digits, '_', no digit first).
Result<std::string> parse_variable(std::string_view text);

}  // namespace fairlead::config
