#include "http/vary.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "http/h1_writer.h"

namespace fairlead::http {

namespace {

bool is_preference_list(std::string_view name) {
  return iequals(name, "accept") || iequals(name, "accept-encoding") ||
         iequals(name, "accept-language") || iequals(name, "accept-charset");
}

// Appends `value` without white space around commas outside quoted strings.
void append_compact(std::string& out, std::string_view value) {
  const std::size_t start = out.size();
  bool quoted = false;
  const auto drop_space = [&] {
    while (out.size() > start && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
  };
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '"') quoted = !quoted;
    const bool after_comma = out.size() > start && out.back() == ',';
    if (!quoted && (c == ' ' || c == '\t') && (after_comma || out.size() == start)) continue;
    if (!quoted && c == ',') drop_space();
    out += c;
  }
  drop_space();
}

// Members in lower case, without white space, sorted. Order means nothing where weights are equal,
// and where they are not the weights are part of what is compared.
void append_sorted(std::string& out, std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c != ' ' && c != '\t') text += ascii_lower(c);
  }
  std::vector<std::string_view> members = split(text, ',');
  std::sort(members.begin(), members.end());
  for (const std::string_view member : members) {
    if (!member.empty()) out.append(member).append(",");
  }
}

// Appends the request's value of field `name`, all lines as one, normalised.
void append_normalised(std::string& out, std::string_view name, std::span<const Field> request) {
  std::string joined;
  std::string_view value;
  for (const Field& field : request) {
    if (!iequals(field.name, name)) continue;
    if (value.data() == nullptr) {
      value = field.value;
      continue;
    }
    if (joined.empty()) joined = value;
    joined.append(",").append(field.value);
    value = joined;
  }
  if (is_preference_list(name)) return append_sorted(out, value);
  append_compact(out, value);
}

template <typename Visit>
void each_name(std::span<const Field> response, Visit visit) {
  for (const Field& field : response) {
    if (field.id != FieldId::kVary) continue;
    for (const std::string_view part : split(field.value, ',')) {
      if (const std::string_view name = trim(part); !name.empty()) visit(name);
    }
  }
}

// The weight of one member of a preference list, in thousandths (RFC 9110 §12.4.2).
int weight(std::string_view member) {
  const std::size_t q = member.find(";q=");
  if (q == std::string_view::npos) return 1000;
  const std::string_view text = member.substr(q + 3);
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  int value = (text[0] - '0') * 1000;
  for (std::size_t i = 2, scale = 100; i < text.size() && i < 5; ++i, scale /= 10) {
    if (text[i] < '0' || text[i] > '9') break;
    value += (text[i] - '0') * static_cast<int>(scale);
  }
  return value;
}

// Whether `language` weighs more than every other member of a normalised Accept-Language.
bool likes_best(std::string_view normalised, std::string_view language) {
  int of_language = 0;
  int best_other = 0;
  for (const std::string_view member : split(normalised, ',')) {
    if (member.empty()) continue;
    const std::string_view tag = member.substr(0, member.find(';'));
    int& best = iequals(tag, language) ? of_language : best_other;
    best = std::max(best, weight(member));
  }
  return of_language > best_other;
}

}  // namespace

bool varies_on_everything(std::span<const Field> response) {
  bool star = false;
  each_name(response, [&](std::string_view name) { star |= name == "*" || !is_field_name(name); });
  return star;
}

std::string vary_key(std::span<const Field> response, std::span<const Field> request) {
  std::string key;
  each_name(response, [&](std::string_view name) {
    for (const char c : name) key += ascii_lower(c);
    key += ':';
    append_normalised(key, name, request);
    key += '\n';
  });
  return key;
}

bool selects(std::string_view key, std::string_view content_language,
             std::span<const Field> request, std::string& scratch) {
  while (!key.empty()) {
    const std::string_view line = key.substr(0, key.find('\n'));
    key.remove_prefix(line.size() + 1);
    const std::string_view name = line.substr(0, line.find(':'));
    scratch.clear();
    append_normalised(scratch, name, request);
    if (scratch == line.substr(name.size() + 1)) continue;
    const bool by_language = name == "accept-language" && !content_language.empty() &&
                             likes_best(scratch, content_language);
    if (!by_language) return false;
  }
  return true;
}

}  // namespace fairlead::http
