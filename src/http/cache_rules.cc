#include "http/cache_rules.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "http/date.h"
#include "http/h1_writer.h"
#include "http/vary.h"

namespace fairlead::http {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// Statuses that may be reused without being told so, RFC 9110 §15.1; without 206, which we never
// store.
bool is_heuristically_cacheable(std::uint16_t status) {
  constexpr std::array<std::uint16_t, 11> kStatuses = {200, 203, 204, 300, 301, 308,
                                                       404, 405, 410, 414, 501};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

std::optional<sys_seconds> date_field(const ResponseHead& head, FieldId id, sys_seconds now) {
  const Field* field = head.find(id);
  return field ? parse_date(field->value, now) : std::nullopt;
}

std::uint32_t clamp_seconds(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, CacheDirectives::kMaxDelta));
}

// §4.2.3. Date is cut to whole seconds, so up to one second of difference is no age.
Duration initial_age(const ResponseHead& head, sys_seconds now, Duration delay) {
  Duration age = delay;
  if (const Field* field = head.find(FieldId::kAge)) {
    const std::string_view first = trim(field->value.substr(0, field->value.find(',')));
    if (const auto told = parse_delta_seconds(first)) age += seconds(*told);
  }
  if (const auto date = date_field(head, FieldId::kDate, now)) {
    const auto since = std::min(now - *date - seconds(1), seconds(CacheDirectives::kMaxDelta));
    age = std::max<Duration>(age, since);
  }
  return age;
}

struct Lifetime {
  std::uint32_t value = 0;
  bool told = false;  // by the response itself
  bool known = false;
};

Lifetime lifetime_of(const ResponseHead& head, const CacheDirectives& directives, bool targeted,
                     const CachePolicy& policy, sys_seconds now) {
  if (directives.s_maxage) return {*directives.s_maxage, true, true};
  if (directives.max_age) return {*directives.max_age, true, true};
  const sys_seconds date = date_field(head, FieldId::kDate, now).value_or(now);
  if (!targeted && head.find(FieldId::kExpires)) {
    const auto expires = date_field(head, FieldId::kExpires, now);
    return {expires ? clamp_seconds((*expires - date).count()) : 0, true, true};
  }
  if (directives.no_cache) return {0, true, true};
  if (policy.ttl > Duration(0) && is_heuristically_cacheable(head.status)) {
    return {clamp_seconds(std::chrono::floor<seconds>(policy.ttl).count()), false, true};
  }
  const auto modified = date_field(head, FieldId::kLastModified, now);
  const bool may_guess = is_heuristically_cacheable(head.status) || directives.is_public;
  if (policy.heuristic && modified && *modified < date && may_guess) {
    constexpr std::int64_t kLongestGuess = 24 * 60 * 60;
    return {clamp_seconds(std::min((date - *modified).count() / 10, kLongestGuess)), false, true};
  }
  return {};
}

Verdict judge_freshness(const ResponseHead& response, const CacheDirectives& directives,
                        bool targeted, const CachePolicy& policy, sys_seconds now, Duration delay) {
  Verdict verdict;
  const Lifetime lifetime = lifetime_of(response, directives, targeted, policy, now);
  Freshness& f = verdict.freshness;
  f.lifetime = lifetime.value;
  f.stale_while_revalidate = directives.stale_while_revalidate.value_or(0);
  f.stale_if_error = directives.stale_if_error.value_or(0);
  f.validate_always = directives.no_cache;
  f.never_stale =
      directives.must_revalidate || directives.proxy_revalidate || directives.s_maxage.has_value();
  verdict.initial_age = initial_age(response, now, delay);
  const bool has_validator = response.find(FieldId::kETag) || response.find(FieldId::kLastModified);
  const bool stale = verdict.initial_age >= seconds(f.lifetime) || f.validate_always;
  if (!lifetime.known) {
    verdict.why = NotStored::kNoFreshness;
  } else if (!lifetime.told && response.find(FieldId::kSetCookie)) {
    verdict.why = NotStored::kSetCookie;
  } else if (stale && !has_validator &&
             judge_reuse(f, verdict.initial_age, {}) == Reuse::kValidate) {
    verdict.why = NotStored::kStale;
  }
  return verdict;
}

// A POST's response that says it is what a GET of the same URL would bring, RFC 9110 §9.3.3.
bool answers_for_get(const RequestHead& request, const ResponseHead& response) {
  const Field* location = response.find("content-location");
  return request.method == Method::kPost && response.status == 200 && location &&
         location->value == request.target && request.target.starts_with('/');
}

NotStored why_never(const RequestHead& request, const ResponseHead& response,
                    const CacheDirectives& directives) {
  if (request.method != Method::kGet && !answers_for_get(request, response)) {
    return NotStored::kMethod;
  }
  if (response.status < 200 || response.status == 206 || response.status == 304) {
    return NotStored::kStatus;
  }
  const bool understood = !reason_phrase(response.status).empty();
  if (directives.must_understand && !understood) return NotStored::kStatus;
  if (directives.no_store && !directives.must_understand) return NotStored::kNoStore;
  if (directives.is_private) return NotStored::kPrivate;
  const bool shared =
      directives.is_public || directives.must_revalidate || directives.s_maxage.has_value();
  if (request.find(FieldId::kAuthorization) && !shared) return NotStored::kAuthorization;
  if (varies_on_everything(response.fields)) return NotStored::kVariesOnAll;
  return NotStored::kStored;
}

bool list_names(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    if (iequals(trim(part), name)) return true;
    list.remove_prefix(std::min(part.size() + 1, list.size()));
  }
  return false;
}

}  // namespace

std::string_view to_string(NotStored why) {
  constexpr std::array<std::string_view, 11> kWords = {
      "stored",    "method",       "status",     "no-store", "private",  "authorization",
      "vary-star", "no-freshness", "set-cookie", "stale",    "too-large"};
  return kWords[static_cast<std::size_t>(why)];
}

CacheDirectives directives_for_us(const ResponseHead& response) {
  if (auto targeted = parse_cdn_cache_control(response.fields)) return *targeted;
  return parse_cache_control(response.fields);
}

Verdict judge_response(const RequestHead& request, const ResponseHead& response,
                       const CachePolicy& policy, sys_seconds now, Duration delay) {
  const auto targeted = parse_cdn_cache_control(response.fields);
  const CacheDirectives directives = targeted ? *targeted : parse_cache_control(response.fields);
  Verdict verdict;
  verdict.why = why_never(request, response, directives);
  if (!verdict.stored()) return verdict;
  verdict = judge_freshness(response, directives, targeted.has_value(), policy, now, delay);
  const bool only_guessed = policy.ttl > Duration(0) || policy.heuristic;
  if (verdict.stored() && request.method != Method::kGet && only_guessed &&
      judge_freshness(response, directives, targeted.has_value(), {}, now, delay).why ==
          NotStored::kNoFreshness) {
    verdict.why = NotStored::kMethod;  // a POST's response must say so itself
  }
  return verdict;
}

Verdict judge_freshened(const ResponseHead& response, const CachePolicy& policy, sys_seconds now,
                        Duration delay) {
  const auto targeted = parse_cdn_cache_control(response.fields);
  const CacheDirectives directives = targeted ? *targeted : parse_cache_control(response.fields);
  Verdict verdict = judge_freshness(response, directives, targeted.has_value(), policy, now, delay);
  if (directives.no_store && !directives.must_understand) verdict.why = NotStored::kNoStore;
  if (directives.is_private) verdict.why = NotStored::kPrivate;
  return verdict;
}

CacheDirectives wishes_of(const RequestHead& request, const CachePolicy& policy) {
  if (!policy.honour_request) return {};
  if (request.find(FieldId::kCacheControl)) return parse_cache_control(request.fields);
  CacheDirectives wishes;
  const Field* pragma = request.find(FieldId::kPragma);
  wishes.no_cache = pragma && iequals(pragma->value, "no-cache");
  return wishes;
}

Reuse judge_reuse(const Freshness& freshness, Duration age, const CacheDirectives& wishes) {
  if (freshness.validate_always || wishes.no_cache) return Reuse::kValidate;
  if (wishes.max_age && (*wishes.max_age == 0 || age > seconds(*wishes.max_age))) {
    return Reuse::kValidate;
  }
  const Duration left = seconds(freshness.lifetime) - age;
  if (wishes.min_fresh && left < seconds(*wishes.min_fresh)) return Reuse::kValidate;
  if (left > Duration(0)) return Reuse::kFresh;
  if (freshness.never_stale) return Reuse::kValidate;
  if (wishes.max_stale && -left <= seconds(*wishes.max_stale)) return Reuse::kFresh;
  if (-left < seconds(freshness.stale_while_revalidate)) return Reuse::kStaleWhileRevalidate;
  return Reuse::kValidate;
}

bool may_serve_on_error(const Freshness& freshness, Duration age, bool disconnected) {
  if (freshness.validate_always || freshness.never_stale) return false;
  Duration allowed = seconds(freshness.stale_if_error);
  if (disconnected) allowed = std::max(allowed, kDisconnectedGrace);
  return age - seconds(freshness.lifetime) < allowed;
}

bool is_cacheable_request(const RequestHead& request) {
  return (request.method == Method::kGet || request.method == Method::kHead) &&
         request.body.kind == BodyFraming::Kind::kNone && !request.upgrade;
}

bool invalidates(Method method, std::uint16_t status) {
  return !is_safe(method) && status >= 200 && status < 400;
}

bool is_stored_field(const Field& field, std::string_view connection_value,
                     const CacheDirectives& directives) {
  switch (field.id) {
    case FieldId::kAge:
    case FieldId::kContentLength:
    case FieldId::kProxyAuthenticate:
    case FieldId::kProxyAuthorization:
    case FieldId::kTrailer:
      return false;
    default:
      break;
  }
  if (is_hop_by_hop(field, connection_value)) return false;
  if (iequals(field.name, "proxy-authentication-info")) return false;
  return !list_names(directives.no_cache_fields, field.name) &&
         !list_names(directives.private_fields, field.name);
}

bool freshens(const Field& field) {
  // Those that describe the body that was sent, not the one that was asked about.
  return field.id != FieldId::kContentLength && field.id != FieldId::kContentEncoding &&
         !iequals(field.name, "content-range");
}

}  // namespace fairlead::http
