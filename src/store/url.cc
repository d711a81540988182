#include "store/url.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::store {

namespace {

// Replaces "user:password@" by "user:***@", and password=… in the query by password=***.
std::string without_password(std::string_view scheme, std::string_view rest) {
  std::string shown(rest);
  const auto authority = std::string_view(shown).substr(0, shown.find_first_of("/?"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos)
    if (const auto colon = authority.find(':'); colon < at)
      shown.replace(colon + 1, at - colon - 1, "***");
  for (const std::string_view key :
       {"?password=", "&password=", "&sslpassword=", "?sslpassword="}) {
    if (const auto start = shown.find(key); start != std::string::npos) {
      const auto from = start + key.size();
      shown.replace(from, std::min(shown.find('&', from), shown.size()) - from, "***");
    }
  }
  return fmt::format("{}://{}", scheme, shown);
}

}  // namespace

Result<StoreUrl> parse_store_url(std::string_view variable, std::string_view text,
                                 std::initializer_list<std::string_view> supported) {
  std::vector<std::string> names;
  for (const auto scheme : supported) names.push_back(fmt::format("{}://", scheme));
  const auto supports = fmt::format("{}", fmt::join(names, ", "));
  const auto end = text.find("://");
  if (end == std::string_view::npos)
    return fail(Error(Code::kInvalid, fmt::format("{} is not a URL", variable))
                    .hint(fmt::format("give one that starts with {}", supports)));
  StoreUrl url{.scheme = to_lower(text.substr(0, end)),
               .rest = std::string(text.substr(end + 3)),
               .text = std::string(text),
               .shown = {}};
  if (url.scheme == "postgres") url.scheme = "postgresql";
  url.shown = without_password(url.scheme, url.rest);
  if (std::ranges::find(supported, url.scheme) == supported.end())
    return fail(Code::kInvalid, fmt::format("{} has the scheme {}://, supported are {}", variable,
                                            url.scheme, supports));
  return url;
}

Result<DatabaseUrl> database_url(const StoreUrl& url) {
  if (url.scheme == "postgresql")
    return DatabaseUrl{.dialect = Dialect::kPostgresql,
                       .path = {},
                       .conninfo = "postgresql://" + url.rest,
                       .shown = url.shown};
  if (!url.rest.starts_with('/') || url.rest.find_first_not_of('/') == std::string::npos)
    return fail(Error(Code::kInvalid, fmt::format("{} names no file", url.shown))
                    .hint("write sqlite:///absolute/path"));
  return DatabaseUrl{.dialect = Dialect::kSqlite,
                     .path = url.rest.substr(url.rest.find_first_not_of('/') - 1),
                     .conninfo = {},
                     .shown = url.shown};
}

Result<DatabaseUrl> parse_database_url(std::string_view variable, std::string_view text) {
  TRY(const StoreUrl url, parse_store_url(variable, text, {"sqlite", "postgresql"}));
  return database_url(url);
}

}  // namespace fairlead::store
