#include "config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return is_lower(ascii_lower(c)); }

std::unexpected<Error> wrong(std::string message, std::string hint = "") {
  return fail(Error(Code::kInvalid, std::move(message)).hint(std::move(hint)));
}

// "250ms" in two: the digits at the front, and the rest.
struct Quantity {
  std::string_view digits;
  std::string_view unit;
};

Quantity take_apart(std::string_view text) {
  const auto end = std::min(text.find_first_not_of(kDigits), text.size());
  return {text.substr(0, end), text.substr(end)};
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : &*found;
}

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1'000 * kMillisecond;
constexpr std::uint64_t kDay = 86'400 * kSecond;
constexpr std::uint64_t kTenYears = 3'660 * kDay;
constexpr std::array<Unit, 5> kTimeUnits = {{{"d", kDay},
                                             {"h", 3'600 * kSecond},
                                             {"m", 60 * kSecond},
                                             {"s", kSecond},
                                             {"ms", kMillisecond}}};
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}}};

// In the largest unit without a rest.
std::string write(std::uint64_t value, std::span<const Unit> units, std::string_view smallest) {
  for (const auto& unit : units)
    if (value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  return fmt::format("{}{}", value, smallest);
}

std::string guess_duration(std::string_view text) {
  const auto [digits, rest] = take_apart(text);
  const auto unit = to_lower(trim(rest));
  if (digits.empty()) return "";
  if (unit.empty()) return fmt::format("write \"{}s\" for seconds", digits);
  if (const auto same =
          unit.starts_with("mil") || unit.starts_with("ms") ? "ms" : unit.substr(0, 1);
      find_unit(kTimeUnits, same) && unit.find_first_of(kDigits) == std::string::npos &&
      unit[0] != '.')
    return fmt::format("did you mean \"{}{}\"?", digits, same);
  return "";
}

// "64MB", "64 MiB", "64m" and "1.5G" say what they mean.
std::string guess_size(std::string_view text) {
  const auto [digits, rest] = take_apart(text);
  if (digits.empty()) return "";
  if (trim(rest).empty()) return fmt::format("write \"{}M\" for MiB", digits);
  if (rest == ".5G" || rest == ".5M" || rest == ".5T")
    if (const auto whole = parse_unsigned(digits); whole && *whole < 1'000'000)
      return fmt::format("write \"{}{}\"", *whole * 1024 + 512,
                         rest == ".5G"   ? "M"
                         : rest == ".5M" ? "K"
                                         : "G");
  const char letter = static_cast<char>(ascii_lower(trim(rest)[0]) - 32);
  if (!find_unit(kSizeUnits, std::string_view(&letter, 1))) return "";
  return fmt::format("did you mean \"{}{}\"?", digits, letter);
}

bool is_label(std::string_view label) {
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, allowed) &&
         label.front() != '-' && label.back() != '-';
}

// SemVer's identifiers between dots; `numbers` alone in the core, anything in the pre-release.
bool are_identifiers(std::string_view text, bool numbers) {
  return std::ranges::all_of(split(text, '.'), [&](std::string_view part) {
    const bool number = !part.empty() && std::ranges::all_of(part, is_digit);
    const bool word = !part.empty() && std::ranges::all_of(part, [](char c) {
      return is_letter(c) || is_digit(c) || c == '-';
    });
    return number ? part == "0" || part[0] != '0' : word && !numbers;
  });
}

bool has_dotdot(std::string_view path) { return std::ranges::count(split(path, '/'), "..") > 0; }

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto [digits, name] = take_apart(text);
  const auto* unit = find_unit(kTimeUnits, name);
  const auto count = parse_unsigned(digits);
  if (!unit || digits.empty())
    return wrong(fmt::format("'{}' is not a duration: a whole number and ms, s, m, h or d", text),
                 guess_duration(text));
  if (!count || *count > kTenYears / unit->factor)
    return wrong(fmt::format("'{}' is too long: the most is ten years", text));
  return Duration(static_cast<Duration::rep>(*count * unit->factor));
}

std::string write_duration(Duration duration) {
  return write(static_cast<std::uint64_t>(duration.count()), kTimeUnits, "ns");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto [digits, name] = take_apart(text);
  const auto* unit = find_unit(kSizeUnits, name);
  const auto count = parse_unsigned(digits);
  if (!unit || digits.empty())
    return wrong(fmt::format("'{}' is not a size: a whole number and K, M, G or T", text),
                 guess_size(text));
  if (!count || *count > (1ull << 50) / unit->factor)
    return wrong(fmt::format("'{}' is too large: the most is 1024T", text));
  return *count * unit->factor;
}

std::string write_size(std::uint64_t bytes) { return write(bytes, kSizeUnits, "B"); }

Result<Rate> parse_rate(std::string_view text) {
  const auto [digits, rest] = take_apart(text);
  const auto* unit = rest.starts_with('/') ? find_unit(kTimeUnits, rest.substr(1)) : nullptr;
  const auto count = parse_unsigned(digits);
  if (!unit || unit->name == "ms" || digits.empty())
    return wrong(fmt::format("'{}' is not a rate: a whole number and /s, /m, /h or /d", text),
                 rest.empty() && !digits.empty() ? fmt::format("write \"{}/s\"", digits) : "");
  if (!count || *count == 0 || *count > 1'000'000'000)
    return wrong(fmt::format("'{}' is out of range: 1 to 1000000000", text));
  return Rate{static_cast<unsigned>(*count), Duration(static_cast<Duration::rep>(unit->factor))};
}

std::string write_rate(const Rate& rate) {
  const auto* unit =
      std::ranges::find(kTimeUnits, static_cast<std::uint64_t>(rate.per.count()), &Unit::factor);
  return fmt::format("{}/{}", rate.count, unit->name);
}

Result<std::string> parse_version(std::string_view text) {
  if (text.contains('+'))
    return wrong(fmt::format("'{}' has build metadata: each build appends its own", text),
                 fmt::format("write \"{}\"", text.substr(0, text.find('+'))));
  const auto dash = text.find('-');
  const auto core = text.substr(0, dash);
  const bool right =
      text.size() <= 64 && std::ranges::count(core, '.') == 2 && are_identifiers(core, true) &&
      (dash == std::string_view::npos || are_identifiers(text.substr(dash + 1), false));
  if (right) return std::string(text);
  std::string guess(core.substr(core.starts_with('v') ? 1 : 0));
  while (std::ranges::count(guess, '.') < 2) guess += ".0";
  const bool near = text.size() <= 64 && dash == std::string_view::npos &&
                    std::ranges::count(guess, '.') == 2 && are_identifiers(guess, true);
  return wrong(fmt::format("'{}' is not a version: three numbers, as SemVer 2.0.0 has them", text),
               near ? fmt::format("did you mean \"{}\"?", guess) : "");
}

Result<std::string> parse_name(std::string_view text) {
  if (is_label(text)) return std::string(text);
  const auto near = nearest_name(text);
  return wrong(
      fmt::format("'{}' is not a name: 1 to 63 of a-z, 0-9 and '-', which neither starts nor "
                  "ends it",
                  text),
      near ? fmt::format("did you mean \"{}\"?", *near) : "");
}

std::optional<std::string> nearest_name(std::string_view text) {
  auto label = to_lower(trim(text));
  std::ranges::replace_if(label, [](char c) { return !is_lower(c) && !is_digit(c); }, '-');
  label.erase(0, label.find_first_not_of('-'));
  label.erase(label.find_last_not_of('-') + 1);
  return is_label(label) ? std::optional(label) : std::nullopt;
}

Result<std::string> parse_host(std::string_view text) {
  if (text == "*") return "";
  const auto problem = [&](std::string_view what, std::string hint = "") {
    return wrong(fmt::format("'{}' is not a host: {}", text, what), std::move(hint));
  };
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    const auto rest = text.substr(scheme + 3);
    return problem("it has a scheme",
                   fmt::format("write \"{}\"", rest.substr(0, rest.find_first_of("/:"))));
  }
  if (text.contains('/')) return problem("it has a path", "set the path with path = \"/…\"");
  if (text.contains(':')) return problem("it has a port; the edge's listeners have those");
  if (text.size() > 253) return problem("it is longer than 253 characters");
  const auto host = to_lower(text);
  const auto labels = split(host, '.');
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == "*" && i == 0 && labels.size() > 1) continue;
    if (labels[i].contains('*')) return problem("'*' stands for the whole first label alone");
    if (!is_label(labels[i])) return problem(fmt::format("'{}' is not a label", labels[i]));
  }
  return host;
}

Result<std::string> parse_path(std::string_view text) {
  if (!text.starts_with('/'))
    return wrong(fmt::format("'{}' does not start with '/'", text),
                 text.contains("://") ? "" : fmt::format("write \"/{}\"", text));
  const auto stray = std::ranges::find_if(text, [](char c) {
    return c <= ' ' || c >= 0x7f || std::string_view("?#\"<>\\^`{|}").contains(c);
  });
  if (stray != text.end())
    return wrong(
        fmt::format("'{}' holds what a path cannot: character {}", text, stray - text.begin() + 1),
        *stray == '?' ? "leave the query out" : "write it percent-encoded");
  if (has_dotdot(text) || text.contains("//"))
    return wrong(fmt::format("'{}' is not in normal form: '..' or '//' in it", text));
  return std::string(text);
}

Result<std::string> parse_path_pattern(std::string_view text) {
  const auto star = text.find('*');
  if (star != std::string_view::npos && star + 1 != text.size())
    return wrong(fmt::format("'{}' has a '*' before its end", text));
  TRY([[maybe_unused]] auto path, parse_path(text.substr(0, star)));
  return std::string(text);
}

Result<std::string> parse_inner_path(std::string_view text) {
  if (text.empty()) return wrong("a path is empty");
  if (text.starts_with('/')) return wrong(fmt::format("'{}' is not relative", text));
  if (has_dotdot(text)) return wrong(fmt::format("'{}' leaves the root by '..'", text));
  return std::string(text);
}

Result<std::string> parse_relative_folder(std::string_view text) {
  if (text.empty()) return wrong("it is empty", "write \".\"");
  if (text.starts_with('/')) return wrong(fmt::format("'{}' is not relative", text));
  return std::string(text);
}

Result<std::string> parse_variable(std::string_view text) {
  const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  if (!text.empty() && std::ranges::all_of(text, allowed) && !is_digit(text[0]))
    return std::string(text);
  return wrong(fmt::format("'{}' is not a variable's name: letters, digits and '_'", text));
}

Result<std::string> parse_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  const auto is_token = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  };
  if (text.empty() || !std::ranges::all_of(text, is_token))
    return fail(Code::kInvalid, fmt::format("'{}' is not a name of HTTP", text));
  return std::string(text);
}

Result<std::string> parse_field_value(std::string_view text) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 127; };
  if (std::ranges::any_of(text, is_control))
    return fail(Code::kInvalid, "must not have control characters");
  return std::string(text);
}

Result<std::string> parse_field_line(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos)
    return fail(Error(Code::kInvalid, fmt::format("'{}' is not NAME: value", text))
                    .hint("such as \"X-Canary: yes\""));
  TRY_VOID(parse_token(text.substr(0, colon)));
  TRY_VOID(parse_field_value(text.substr(colon + 1)));
  return std::string(text);
}

Result<std::string> parse_method(std::string_view text) {
  TRY(std::string method, parse_token(text));
  if (std::ranges::any_of(method, [](char c) { return c >= 'a' && c <= 'z'; }))
    return fail(Error(Code::kInvalid, fmt::format("'{}' is not a method", text))
                    .hint("methods are written in capitals: GET"));
  return method;
}

Result<std::string> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  unsigned char bytes[16];
  const bool v4 = ::inet_pton(AF_INET, address.c_str(), bytes) == 1;
  const bool known = v4 || ::inet_pton(AF_INET6, address.c_str(), bytes) == 1;
  std::uint64_t bits = 0;
  if (known && slash != std::string_view::npos)
    bits = parse_unsigned(text.substr(slash + 1)).value_or(999);
  if (!known || bits > (v4 ? 32u : 128u))
    return fail(Error(Code::kInvalid, fmt::format("'{}' is not a network", text))
                    .hint("such as 10.0.0.0/8, fd00::/8 or 192.0.2.1"));
  return std::string(text);
}

Result<std::string> parse_key_source(std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (text == "client") return std::string(text);
  if (colon != std::string_view::npos && (kind == "header" || kind == "cookie") &&
      parse_token(text.substr(colon + 1)))
    return std::string(text);
  return fail(Error(Code::kInvalid, fmt::format("'{}' tells no clients apart", text))
                  .hint("client, header:NAME or cookie:NAME"));
}

}  // namespace fairlead::config
