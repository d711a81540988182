// Any texts as the fields that a cache goes by: a line each, in the order of kNames, again and
// again.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/targets.h"
#include "http/cache_rules.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/vary.h"

namespace fairlead::fuzz {

namespace {

using namespace fairlead::http;

constexpr std::string_view kNames[] = {"Cache-Control",
                                       "CDN-Cache-Control",
                                       "Vary",
                                       "Range",
                                       "If-None-Match",
                                       "If-Modified-Since",
                                       "If-Range",
                                       "ETag",
                                       "Last-Modified",
                                       "Date",
                                       "Expires",
                                       "Age",
                                       "Accept-Language",
                                       "Content-Language",
                                       "Pragma"};

}  // namespace

void cache(std::string_view bytes) {
  std::string_view rest = bytes;
  std::vector<Field> fields;
  while (!rest.empty() && fields.size() < 60) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::string_view name = kNames[fields.size() % std::size(kNames)];
    fields.push_back({name, line, field_id(name)});
  }
  RequestHead request;
  request.method = Method::kGet;
  request.target = request.path = "/";
  request.fields = fields;
  ResponseHead response;
  response.status = 200;
  response.fields = fields;
  const std::chrono::sys_seconds now{std::chrono::seconds(1'795'176'000)};
  const CachePolicy policy{.heuristic = true, .honour_request = true};

  const Verdict verdict = judge_response(request, response, policy, now, {});
  require(verdict.freshness.lifetime <= CacheDirectives::kMaxDelta, "lifetimes are bounded");
  require(verdict.initial_age.count() >= 0, "ages are not negative");
  const CacheDirectives directives = directives_for_us(response);
  if (directives.no_store && !directives.must_understand) require(!verdict.stored(), "no-store");
  if (directives.is_private) require(!verdict.stored(), "private");
  judge_reuse(verdict.freshness, verdict.initial_age, wishes_of(request, policy));

  const Validators validators = validators_of(response, now);
  not_modified(request, validators, now);
  const RangeAnswer range = judge_range(request, 1000, validators, now);
  if (range.kind == RangeAnswer::Kind::kPart)
    require(range.range.first <= range.range.last && range.range.last < 1000, "inside the body");

  std::string scratch;
  const std::string key = vary_key(fields, fields);
  if (!varies_on_everything(fields)) require(selects(key, {}, fields, scratch), "selects itself");
  for (const Field& field : fields)
    if (const auto date = parse_date(field.value, now))
      require(date->time_since_epoch().count() > -100'000'000'000, "a year of four digits");
}

}  // namespace fairlead::fuzz
