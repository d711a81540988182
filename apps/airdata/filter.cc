#include "filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace airdata {

using namespace fairlead;

namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kLongestBucket = 366 * 86'400 * kSecond;

std::unexpected<Error> wrong(std::string_view parameter, std::string_view expected) {
  return fail(Code::kInvalid, fmt::format("{} must be {}", parameter, expected));
}

// "15m", "1h", "1d"
std::optional<Micros> parse_every(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr std::pair<char, Micros> kUnits[] = {
      {'s', kSecond}, {'m', 60 * kSecond}, {'h', 3600 * kSecond}, {'d', 86'400 * kSecond}};
  const auto* unit = std::ranges::find(kUnits, text.back(), &std::pair<char, Micros>::first);
  const auto count = parse_unsigned(text.substr(0, text.size() - 1));
  if (unit == std::end(kUnits) || !count || *count == 0 || *count > 366 * 86'400)
    return std::nullopt;
  const Micros every = static_cast<Micros>(*count) * unit->second;
  return every <= kLongestBucket ? std::optional(every) : std::nullopt;
}

Result<std::optional<Micros>> time_parameter(const http::Request& request, const char* name) {
  const auto text = request.parameter(name);
  if (!text) return std::nullopt;
  const auto time = parse_time(*text);
  if (!time) return wrong(name, "a time: 2016-10-01, or 2016-10-01T12:30:00");
  return time;
}

// How much a type is wanted by an Accept field, RFC 9110 §12.5.1: 0 for not at all.
double quality(std::string_view accept, std::string_view type) {
  double best = 0;
  for (const auto range : split(accept, ',')) {
    const auto parts = split(range, ';');
    if (!iequals(trim(parts[0]), type)) continue;
    double q = 1;
    for (const auto part : parts) {
      const auto parameter = trim(part);
      if (parameter.starts_with("q=") || parameter.starts_with("Q="))
        std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), q);
    }
    best = std::max(best, q);
  }
  return best;
}

}  // namespace

std::string Key::text() const {
  std::string text;
  append_time(text, time);
  return text + "~" + station;
}

Result<Filter> filter_of(const http::Request& request) {
  Filter filter;
  filter.station = request.parameter("id_entity");
  TRY(filter.from, time_parameter(request, "from"));
  TRY(filter.to, time_parameter(request, "to"));
  if (const auto text = request.parameter("after")) {
    const auto tilde = text->find('~');
    const auto time = parse_time(std::string_view(*text).substr(0, tilde));
    if (!time) return wrong("after", "a time, or what the Link of a page says");
    // A time alone is after all of that time's rows: no station's name is greater than this.
    filter.after = Key{*time, tilde == std::string::npos ? std::string("\xf4\x8f\xbf\xbf")
                                                         : text->substr(tilde + 1)};
  }
  if (const auto text = request.parameter("limit")) {
    const auto limit = parse_unsigned(*text);
    if (!limit || *limit == 0 || *limit > INT64_MAX) return wrong("limit", "a number from 1");
    filter.limit = static_cast<std::int64_t>(*limit);
  }
  if (const auto text = request.parameter("every")) {
    filter.every = parse_every(*text);
    if (!filter.every) return wrong("every", "a span as 15m, 1h or 1d, at most a year");
  }
  const auto accept = request.fields.joined("accept");
  filter.csv = quality(accept, "text/csv") > quality(accept, "application/json");
  return filter;
}

std::string next_page(const http::Request& request, const Key& last) {
  std::string query;
  for (const auto part : split(request.query, '&'))
    if (!part.empty() && !part.starts_with("after=")) query.append(part).append("&");
  return query + "after=" + http::percent_encode(last.text());
}

}  // namespace airdata
