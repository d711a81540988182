#include "http/conditional.h"

#include "base/strings.h"
#include "http/date.h"

namespace fairlead::http {

namespace {

bool is_weak(std::string_view tag) { return tag.starts_with("W/"); }
std::string_view opaque(std::string_view tag) { return is_weak(tag) ? tag.substr(2) : tag; }

// Whether one of a list of entity tags equals `etag`, weakly. Commas may stand inside tags.
bool any_matches(std::string_view list, std::string_view etag) {
  while (true) {
    list = trim(list);
    if (list.empty()) return false;
    if (list.front() == ',') {
      list.remove_prefix(1);
      continue;
    }
    std::size_t end = is_weak(list) ? 2 : 0;
    if (end < list.size() && list[end] == '"') {
      end = list.find('"', end + 1);
      end = end == std::string_view::npos ? list.size() : end + 1;
    } else {
      end = std::min(list.find(','), list.size());  // not a tag; may still be what an origin sends
    }
    if (weakly_equal(trim(list.substr(0, end)), etag)) return true;
    list.remove_prefix(end);
  }
}

std::string_view value_of(const Field* field) { return field ? field->value : std::string_view(); }

bool if_range_holds(const RequestHead& request, const Validators& stored,
                    std::chrono::sys_seconds now) {
  const Field* field = request.find("if-range");
  if (!field) return true;
  if (field->value.starts_with('"') || is_weak(field->value)) {
    return strongly_equal(field->value, stored.etag);
  }
  const auto asked = parse_date(field->value, now);
  return asked && asked == parse_date(stored.last_modified, now);
}

// "first-last", "first-" or "-suffix"; nothing if it is none of these.
std::optional<RangeAnswer> judge_one(std::string_view spec, std::uint64_t length) {
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view left = spec.substr(0, dash);
  const std::string_view right = spec.substr(dash + 1);
  const RangeAnswer nothing{RangeAnswer::Kind::kUnsatisfiable, {}};
  if (left.empty()) {
    const auto suffix = parse_unsigned(right);
    if (!suffix) return std::nullopt;
    if (*suffix == 0 || length == 0) return nothing;
    return RangeAnswer{RangeAnswer::Kind::kPart, {length - std::min(*suffix, length), length - 1}};
  }
  const auto first = parse_unsigned(left);
  const auto last = right.empty() ? std::optional(UINT64_MAX) : parse_unsigned(right);
  if (!first || !last || *last < *first) return std::nullopt;
  if (*first >= length) return nothing;
  return RangeAnswer{RangeAnswer::Kind::kPart, {*first, std::min(*last, length - 1)}};
}

}  // namespace

bool weakly_equal(std::string_view a, std::string_view b) {
  return !a.empty() && opaque(a) == opaque(b);
}

bool strongly_equal(std::string_view a, std::string_view b) {
  return !a.empty() && a == b && !is_weak(a);
}

Validators validators_of(const ResponseHead& head, std::chrono::sys_seconds now) {
  Validators found{
      value_of(head.find(FieldId::kETag)), value_of(head.find(FieldId::kLastModified)), {}};
  if (!found.last_modified.empty()) {
    found.date = parse_date(found.last_modified, now);
  } else if (const Field* date = head.find(FieldId::kDate)) {
    found.date = parse_date(date->value, now);
  }
  return found;
}

bool not_modified(const RequestHead& request, const Validators& stored,
                  std::chrono::sys_seconds now) {
  bool has_tags = false;
  for (const Field& field : request.fields) {
    if (field.id != FieldId::kIfNoneMatch) continue;
    has_tags = true;
    if (field.value == "*" || any_matches(field.value, stored.etag)) return true;
  }
  if (has_tags) return false;
  const Field* since = request.find(FieldId::kIfModifiedSince);
  if (!since || !stored.date) return false;
  const auto asked = parse_date(since->value, now);
  return asked && *stored.date <= *asked;
}

RangeAnswer judge_range(const RequestHead& request, std::uint64_t length, const Validators& stored,
                        std::chrono::sys_seconds now) {
  const Field* field = request.find(FieldId::kRange);
  if (!field || request.method != Method::kGet) return {};
  constexpr std::string_view kUnit = "bytes=";
  const std::string_view value = field->value;
  if (value.size() < kUnit.size() || !iequals(value.substr(0, kUnit.size()), kUnit)) return {};
  const auto answer = judge_one(trim(value.substr(kUnit.size())), length);
  if (!answer || !if_range_holds(request, stored, now)) return {};
  return *answer;
}

}  // namespace fairlead::http
