#include "http/cache_control.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace fairlead::http {

namespace {

using Flag = bool CacheDirectives::*;
using Delta = std::optional<std::uint32_t> CacheDirectives::*;

struct NamedFlag {
  std::string_view name;
  Flag flag;
};
constexpr std::array<NamedFlag, 8> kFlags = {{
    {"no-cache", &CacheDirectives::no_cache},
    {"no-store", &CacheDirectives::no_store},
    {"private", &CacheDirectives::is_private},
    {"public", &CacheDirectives::is_public},
    {"must-revalidate", &CacheDirectives::must_revalidate},
    {"proxy-revalidate", &CacheDirectives::proxy_revalidate},
    {"must-understand", &CacheDirectives::must_understand},
    {"only-if-cached", &CacheDirectives::only_if_cached},
}};

struct NamedDelta {
  std::string_view name;
  Delta delta;
  std::optional<std::uint32_t> otherwise;  // what stands for a value that is no number
};
constexpr std::array<NamedDelta, 6> kDeltas = {{
    {"max-age", &CacheDirectives::max_age, 0},
    {"s-maxage", &CacheDirectives::s_maxage, 0},
    {"stale-while-revalidate", &CacheDirectives::stale_while_revalidate, {}},
    {"stale-if-error", &CacheDirectives::stale_if_error, {}},
    {"max-stale", &CacheDirectives::max_stale, {}},
    {"min-fresh", &CacheDirectives::min_fresh, {}},
}};

struct Directive {
  std::string_view name;
  std::string_view value;  // without quotes
  bool has_value = false;
  bool quoted = false;
};

// The end of a quoted string that begins at `start`: behind its closing quote, or the text's end.
std::size_t end_of_quoted(std::string_view text, std::size_t start) {
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

// Takes the next member off a list; commas in quoted strings belong to the member.
std::string_view take_member(std::string_view& list) {
  std::size_t end = 0;
  while (end < list.size() && list[end] != ',') {
    end = list[end] == '"' ? end_of_quoted(list, end) : end + 1;
  }
  const std::string_view member = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return trim(member);
}

Directive read_directive(std::string_view member) {
  const std::size_t equals = member.find('=');
  if (equals == std::string_view::npos) return {member, {}};
  Directive directive{member.substr(0, equals), member.substr(equals + 1), true};
  std::string_view& value = directive.value;
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
    directive.quoted = true;
  }
  return directive;
}

// Lists without a directive of its own in CacheDirectives narrow no-cache and private to fields.
bool take_field_list(CacheDirectives& all, const Directive& directive) {
  if (!directive.has_value) return false;
  if (iequals(directive.name, "no-cache")) return all.no_cache_fields = directive.value, true;
  if (iequals(directive.name, "private")) return all.private_fields = directive.value, true;
  return false;
}

void take_directive(CacheDirectives& all, const Directive& directive) {
  if (take_field_list(all, directive)) return;
  for (const NamedFlag& known : kFlags) {
    if (iequals(directive.name, known.name)) {
      all.*known.flag = true;
      return;
    }
  }
  for (const NamedDelta& known : kDeltas) {
    if (!iequals(directive.name, known.name)) continue;
    std::optional<std::uint32_t>& delta = all.*known.delta;
    if (delta) return;
    delta = parse_delta_seconds(directive.value);
    if (!delta) delta = known.otherwise;
    if (!delta && !directive.has_value && known.delta == &CacheDirectives::max_stale) {
      delta = CacheDirectives::kMaxDelta;
    }
    return;
  }
}

// ---- RFC 8941: only what a dictionary of integers and booleans needs; everything else is checked
// for its form and passed over.

struct Item {
  enum class Kind : std::uint8_t { kBoolean, kInteger, kOther } kind = Kind::kOther;
  bool boolean = false;
  std::uint64_t integer = 0;
  bool negative = false;
};

class StructuredReader {
 public:
  explicit StructuredReader(std::string_view text) : rest_(text) { skip(" "); }

  bool at_end() const { return rest_.empty(); }
  bool failed() const { return failed_; }

  // key [ "=" item ] parameters, then a comma or the end.
  void member(std::string_view& name, Item& value) {
    name = key();
    value = {Item::Kind::kBoolean, true};
    if (take('=')) value = peek('(') ? inner_list() : item();
    parameters();
    skip(" \t");
    if (rest_.empty() || failed_) return;
    if (!take(',')) return fail();
    skip(" \t");
    if (rest_.empty()) fail();  // a comma at the end
  }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  bool peek(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(char c) {
    if (!peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip(std::string_view set) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(set), rest_.size()));
  }

  static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
  static bool is_alpha(char c) { return is_lower(ascii_lower(c)); }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  template <typename Predicate>
  std::string_view take_while(Predicate fits) {
    std::size_t n = 0;
    while (n < rest_.size() && fits(rest_[n])) ++n;
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  std::string_view key() {
    if (rest_.empty() || !(is_lower(rest_.front()) || rest_.front() == '*')) return fail(), rest_;
    return take_while([](char c) {
      return is_lower(c) || is_digit(c) ||
             std::string_view("_-.*").find(c) != std::string_view::npos;
    });
  }

  void parameters() {
    while (take(';')) {
      skip(" ");
      key();
      if (take('=')) item();
    }
  }

  Item inner_list() {
    take('(');
    while (!failed_) {
      skip(" ");
      if (take(')')) return {};
      item();
      parameters();
      if (!peek(' ') && !peek(')')) fail();
    }
    return {};
  }

  Item item() {
    if (rest_.empty()) return fail(), Item{};
    const char c = rest_.front();
    if (c == '-' || is_digit(c)) return number();
    if (c == '"') return string();
    if (c == '?') return boolean();
    if (c == ':') return bytes();
    if (!is_alpha(c) && c != '*') return fail(), Item{};
    take_while([](char t) {
      return is_alpha(t) || is_digit(t) ||
             std::string_view("!#$%&'*+-.^_`|~:/").find(t) != std::string_view::npos;
    });
    return {};
  }

  Item number() {
    Item result{Item::Kind::kInteger};
    result.negative = take('-');
    const std::string_view digits = take_while(is_digit);
    if (digits.empty() || digits.size() > 15) return fail(), Item{};
    if (take('.')) {
      const std::string_view fraction = take_while(is_digit);
      if (fraction.empty() || fraction.size() > 3 || digits.size() > 12) fail();
      return {};
    }
    result.integer = *parse_unsigned(digits);
    return result;
  }

  Item string() {
    take('"');
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return {};
      if (c == '\\') {
        if (!take('"') && !take('\\')) break;
      } else if (c < 0x20 || c > 0x7e) {
        break;
      }
    }
    return fail(), Item{};
  }

  Item boolean() {
    take('?');
    Item result{Item::Kind::kBoolean, peek('1')};
    if (!take('1') && !take('0')) fail();
    return result;
  }

  Item bytes() {
    take(':');
    take_while(
        [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/' || c == '='; });
    if (!take(':')) fail();
    return {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

// False if the member is one of ours with a value of a wrong type. The last of equal names counts.
bool take_structured(CacheDirectives& all, std::string_view name, const Item& item) {
  for (const NamedFlag& known : kFlags) {
    if (name != known.name) continue;
    all.*known.flag = item.boolean;
    return item.kind == Item::Kind::kBoolean;
  }
  for (const NamedDelta& known : kDeltas) {
    if (name != known.name) continue;
    all.*known.delta = item.negative ? 0
                                     : static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                           item.integer, CacheDirectives::kMaxDelta));
    return item.kind == Item::Kind::kInteger;
  }
  return true;
}

}  // namespace

std::optional<std::uint32_t> parse_delta_seconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min<std::uint64_t>(value * 10 + static_cast<unsigned>(c - '0'),
                                    CacheDirectives::kMaxDelta);
  }
  return static_cast<std::uint32_t>(value);
}

CacheDirectives parse_cache_control(std::span<const Field> fields) {
  CacheDirectives all;
  for (const Field& field : fields) {
    if (field.id != FieldId::kCacheControl) continue;
    std::string_view list = field.value;
    while (!list.empty()) take_directive(all, read_directive(take_member(list)));
  }
  return all;
}

std::optional<CacheDirectives> parse_cdn_cache_control(std::span<const Field> fields) {
  CacheDirectives all;
  bool any = false;
  for (const Field& field : fields) {
    if (field.id != FieldId::kOther || !iequals(field.name, "cdn-cache-control")) continue;
    StructuredReader reader(field.value);
    while (!reader.at_end()) {
      std::string_view name;
      Item item;
      reader.member(name, item);
      if (reader.failed() || !take_structured(all, name, item)) return std::nullopt;
      any = true;
    }
  }
  return any ? std::optional(all) : std::nullopt;
}

}  // namespace fairlead::http
