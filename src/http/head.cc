#include "http/head.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/strings.h"

namespace fairlead::http {

namespace {

constexpr std::array<std::string_view, 10> kMethods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", ""};

// In the order of FieldId.
constexpr std::array<std::string_view, 44> kFieldNames = {"",
                                                          "accept",
                                                          "accept-encoding",
                                                          "age",
                                                          "authorization",
                                                          "cache-control",
                                                          "connection",
                                                          "content-encoding",
                                                          "content-length",
                                                          "content-type",
                                                          "cookie",
                                                          "date",
                                                          "etag",
                                                          "expect",
                                                          "expires",
                                                          "forwarded",
                                                          "host",
                                                          "if-modified-since",
                                                          "if-none-match",
                                                          "keep-alive",
                                                          "last-modified",
                                                          "location",
                                                          "origin",
                                                          "pragma",
                                                          "proxy-authenticate",
                                                          "proxy-authorization",
                                                          "proxy-connection",
                                                          "range",
                                                          "referer",
                                                          "retry-after",
                                                          "server",
                                                          "set-cookie",
                                                          "te",
                                                          "traceparent",
                                                          "trailer",
                                                          "transfer-encoding",
                                                          "upgrade",
                                                          "user-agent",
                                                          "vary",
                                                          "via",
                                                          "x-forwarded-for",
                                                          "x-forwarded-host",
                                                          "x-forwarded-proto",
                                                          "x-request-id"};
static_assert(kFieldNames.size() == static_cast<std::size_t>(FieldId::kXRequestId) + 1);

// Length, first and last letter tell all known names apart; the multiplier (found by trying)
// spreads them over 256 slots without a collision, so one slot is one candidate.
constexpr std::size_t slot_of(std::string_view name) {
  const auto letter = [](char c) { return static_cast<std::uint32_t>(c | 0x20) & 0xff; };
  const std::uint32_t key = static_cast<std::uint32_t>(name.size()) | letter(name.front()) << 8 |
                            letter(name.back()) << 16;
  return key * 0x9b810e77 >> 24;
}

struct FieldTable {
  std::array<FieldId, 256> slots{};
  bool perfect = true;
};
constexpr FieldTable kTable = [] {
  FieldTable table;
  for (std::size_t id = 1; id < kFieldNames.size(); ++id) {
    FieldId& slot = table.slots[slot_of(kFieldNames[id])];
    if (slot != FieldId::kOther) table.perfect = false;
    slot = static_cast<FieldId>(id);
  }
  return table;
}();
static_assert(kTable.perfect, "two known field names share a slot: choose another multiplier");

// Eight letters at a time, A–Z to a–z, other bytes as they are.
std::uint64_t lower_word(const char* text) {
  std::uint64_t word;
  std::memcpy(&word, text, sizeof word);
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t low = word & 0x7f * kEach;
  const std::uint64_t from_a = low + (0x80 - 'A') * kEach;
  const std::uint64_t after_z = low + (0x7f - 'Z') * kEach;
  const std::uint64_t upper = (from_a ^ after_z) & ~word & 0x80 * kEach;
  return word | upper >> 2;
}

bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  if (text.size() < 8) {
    for (std::size_t i = 0; i < text.size(); ++i)
      if (ascii_lower(text[i]) != lower[i]) return false;
    return true;
  }
  std::size_t i = 0;
  const auto same_at = [&](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, lower.data() + at, sizeof word);
    return lower_word(text.data() + at) == word;
  };
  for (; i + 8 <= text.size(); i += 8)
    if (!same_at(i)) return false;
  return same_at(text.size() - 8);  // the last word overlaps the one before
}

const Field* find_in(std::span<const Field> fields, FieldId id) {
  for (const Field& field : fields)
    if (field.id == id) return &field;
  return nullptr;
}

const Field* find_in(std::span<const Field> fields, std::string_view name) {
  for (const Field& field : fields)
    if (iequals(field.name, name)) return &field;
  return nullptr;
}

}  // namespace

std::string_view to_string(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

Method method_of(std::string_view token) {
  for (std::size_t i = 0; i + 1 < kMethods.size(); ++i)
    if (token == kMethods[i]) return static_cast<Method>(i);
  return Method::kOther;
}

bool is_safe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions ||
         method == Method::kTrace;
}

bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::kPut || method == Method::kDelete;
}

FieldId field_id(std::string_view name) {
  if (name.empty()) return FieldId::kOther;
  const FieldId candidate = kTable.slots[slot_of(name)];
  return equals_lower(name, field_name(candidate)) ? candidate : FieldId::kOther;
}

std::string_view field_name(FieldId id) { return kFieldNames[static_cast<std::size_t>(id)]; }

const Field* RequestHead::find(FieldId id) const { return find_in(fields, id); }
const Field* RequestHead::find(std::string_view name) const { return find_in(fields, name); }
const Field* ResponseHead::find(FieldId id) const { return find_in(fields, id); }
const Field* ResponseHead::find(std::string_view name) const { return find_in(fields, name); }

}  // namespace fairlead::http
