// The kinds of value that a key can have: each knows how to read one from the file, how to write it
// back, and how the reference calls it. The schema's lines choose among them.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "base/strings.h"
#include "config/schema.h"
#include "config/values.h"

namespace fairlead::config {

// --- From text, by the parsers of values.h ---

struct AnyText {
  using Value = std::string;
  static std::string name() { return "text"; }
  static Result<std::string> parse(std::string_view text) { return std::string(text); }
  static Json write(const Value& value) { return value.empty() ? Json() : Json(value); }
};

struct Command : AnyText {
  static std::string name() { return "command"; }
  static Result<std::string> parse(std::string_view text) {
    if (trim(text).empty()) return fail(Code::kInvalid, "must not be empty");
    return std::string(text);
  }
};

// A kind of text with a name and a parser of its own.
template <auto Parse>
struct CheckedText : AnyText {
  static Result<std::string> parse(std::string_view text) { return Parse(text); }
};
struct Version : CheckedText<parse_version> {
  static std::string name() { return "version"; }
};
struct Host : CheckedText<parse_host> {
  static std::string name() { return "host"; }
};
struct Path : CheckedText<parse_path> {
  static std::string name() { return "path"; }
};
struct PathPattern : CheckedText<parse_path_pattern> {
  static std::string name() { return "path pattern"; }
};
struct InnerPath : CheckedText<parse_inner_path> {
  static std::string name() { return "file or folder"; }
};
struct Folder : CheckedText<parse_relative_folder> {
  static std::string name() { return "folder"; }
};
struct Method : CheckedText<parse_method> {
  static std::string name() { return "method"; }
};
struct Network : CheckedText<parse_network> {
  static std::string name() { return "network"; }
};
struct KeySource : CheckedText<parse_key_source> {
  static std::string name() { return "`\"client\"`, `\"header:NAME\"` or `\"cookie:NAME\"`"; }
};
struct FieldName : CheckedText<parse_token> {
  static std::string name() { return "name"; }
};
struct FieldLine : CheckedText<parse_field_line> {
  static std::string name() { return "`NAME: value`"; }
};
struct VariableName : CheckedText<parse_variable> {
  static std::string name() { return "variable"; }
};

struct Time {
  using Value = Duration;
  static std::string name() { return "duration"; }
  static Result<Duration> parse(std::string_view text) { return parse_duration(text); }
  static Json write(Duration value) { return value == 0s ? Json() : Json(write_duration(value)); }
};
// A duration that makes no sense as nothing.
struct PositiveTime : Time {
  static Result<Duration> parse(std::string_view text) {
    TRY(const auto value, parse_duration(text));
    if (value == 0s) return fail(Code::kInvalid, "must be more than nothing");
    return value;
  }
};

struct Size {
  using Value = std::uint64_t;
  static std::string name() { return "size"; }
  static Result<Value> parse(std::string_view text) {
    TRY(const auto value, parse_size(text));
    if (value == 0) return fail(Code::kInvalid, "must be more than nothing");
    return value;
  }
  static Json write(Value value) { return value == 0 ? Json() : Json(write_size(value)); }
};

struct RateOf {
  using Value = Rate;
  static std::string name() { return "rate"; }
  static Result<Rate> parse(std::string_view text) { return parse_rate(text); }
  static Json write(const Rate& rate) { return rate.count == 0 ? Json() : Json(write_rate(rate)); }
};

// One of the names of an enum; `Names` is a constexpr array of {name, value}.
template <const auto& Names>
struct Choice {
  using Value = decltype(Names[0].value);
  static std::string name() {
    std::string all;
    for (const auto& choice : Names)
      all += fmt::format("{}`\"{}\"`", all.empty() ? "" : ", ", choice.name);
    return all;
  }
  static Result<Value> parse(std::string_view text) {
    std::vector<std::string_view> known;
    std::string all;
    for (const auto& choice : Names) {
      if (choice.name == text) return choice.value;
      known.push_back(choice.name);
      all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", choice.name);
    }
    const auto near = text.size() > 64 ? std::nullopt : nearest(text, known);
    return fail(Error(Code::kInvalid, fmt::format("'{}' is none of {}", text, all))
                    .hint(near ? fmt::format("did you mean \"{}\"?", *near) : ""));
  }
  static Json write(Value value) {
    for (const auto& choice : Names)
      if (choice.value == value) return choice.name;
    return nullptr;
  }
};

template <typename Type>
  requires requires { Type::parse(std::string_view()); }
bool read_value(Reader& reader, const Member& member, typename Type::Value& out) {
  if (!reader.expect_text(member)) return false;
  auto value = Type::parse(member.node.text);
  if (!value) {
    reader.wrong(member, value.error());
    return false;
  }
  out = *std::move(value);
  return true;
}

// --- Numbers ---

template <unsigned Least, unsigned Most>
struct Whole {
  using Value = unsigned;
  static std::string name() { return fmt::format("whole number, {} to {}", Least, Most); }
  static Json write(unsigned value) { return value < Least ? Json() : Json(value); }
  static void read(Reader& reader, const Member& member, unsigned& out) {
    if (!reader.expect(member, Kind::kWhole, "a whole number")) return;
    if (member.node.whole < Least || member.node.whole > Most)
      return reader.wrong(
          member, fmt::format("must be from {} to {}, not {}", Least, Most, member.node.whole));
    out = static_cast<unsigned>(member.node.whole);
  }
};

// A list of whole numbers.
template <unsigned Least, unsigned Most>
struct WholeList {
  using Value = std::vector<unsigned>;
  static std::string name() { return fmt::format("list of whole numbers, {} to {}", Least, Most); }
  static Json write(const Value& value) { return value.empty() ? Json() : Json(value); }
  static void read(Reader& reader, const Member& member, Value& out) {
    if (!reader.expect(member, Kind::kList, "a list")) return;
    for (const auto& node : member.node.items)
      Whole<Least, Most>::read(reader, {member.name, node.span, node}, out.emplace_back());
  }
};

struct Flag {
  using Value = bool;
  static std::string name() { return "true or false"; }
  static Json write(bool value) { return value; }
  static void read(Reader& reader, const Member& member, bool& out) {
    if (reader.expect(member, Kind::kBoolean, "true or false")) out = member.node.boolean;
  }
};

// Cores, kept as thousandths.
struct Cores {
  using Value = unsigned;
  static std::string name() { return "number of cores"; }
  static Json write(unsigned millis) { return millis == 0 ? Json() : Json(millis / 1000.0); }
  static void read(Reader& reader, const Member& member, unsigned& out) {
    if (member.node.kind != Kind::kWhole &&
        !reader.expect(member, Kind::kNumber, "a number of cores such as 0.5"))
      return;
    const double cores = member.node.number;
    if (!(cores >= 0.01 && cores <= 1024))
      return reader.wrong(member, fmt::format("must be from 0.01 to 1024, not {}", cores));
    out = static_cast<unsigned>(std::lround(cores * 1000));
  }
};

struct Percent {
  using Value = double;
  static std::string name() { return "percentage"; }
  static Json write(double value) { return value; }
  static void read(Reader& reader, const Member& member, double& out) {
    if (member.node.kind != Kind::kWhole && !reader.expect(member, Kind::kNumber, "a number"))
      return;
    if (!(member.node.number > 0 && member.node.number < 100))
      return reader.wrong(member,
                          fmt::format("must be between 0 and 100, not {}", member.node.number));
    out = member.node.number;
  }
};

struct Limit {
  using Value = std::optional<double>;
  static std::string name() { return "number"; }
  static Json write(const Value& value) { return value ? Json(*value) : Json(); }
  static void read(Reader& reader, const Member& member, Value& out) {
    if (member.node.kind != Kind::kWhole && !reader.expect(member, Kind::kNumber, "a number"))
      return;
    out = member.node.number;
  }
};

struct YesOrNo {
  using Value = bool;
  static std::string name() { return "`true` or `false`"; }
  static Json write(bool value) { return value ? Json(true) : Json(); }
  static void read(Reader& reader, const Member& member, bool& out) {
    if (reader.expect(member, Kind::kBoolean, "true or false")) out = member.node.boolean;
  }
};

// --- Of other values ---

template <typename Item>
struct List {
  using Value = std::vector<typename Item::Value>;
  static std::string name() { return fmt::format("list of {}", Item::name()); }
  static Json write(const Value& value) {
    Json json = Json::array();
    for (const auto& item : value) json.push_back(Item::write(item));
    return json.empty() ? Json() : json;
  }
  static void read(Reader& reader, const Member& member, Value& out) {
    if (!reader.expect(member, Kind::kList, "a list")) return;
    for (const auto& node : member.node.items) {
      typename Item::Value item{};
      if (read_value<Item>(reader, {member.name, node.span, node}, item))
        out.push_back(std::move(item));
    }
  }
};

// Header fields by name.
struct Fields {
  using Value = Variables;
  static std::string name() { return "table of header fields"; }
  static Json write(const Variables& fields) {
    Json json = Json::object();
    for (const auto& [name, value] : fields) json[name] = value;
    return json.empty() ? Json() : json;
  }
  static void read(Reader& reader, const Member& member, Variables& out) {
    if (!reader.expect(member, Kind::kTable, "a table of header fields")) return;
    const Reader::Scope scope(reader, member.name);
    for (const auto& field : member.node.members) {
      if (auto name = parse_token(field.name); !name) {
        reader.wrong_name(field, name.error());
      } else if (reader.expect_text(field)) {
        if (auto value = parse_field_value(field.node.text); !value)
          reader.wrong(field, value.error());
        else
          out.emplace_back(field.name, *std::move(value));
      }
    }
  }
};

// Variables with their values; numbers and booleans become text.
struct Environment {
  using Value = Variables;
  static std::string name() { return "table of variables"; }
  static Json write(const Variables& variables) {
    Json json = Json::object();
    for (const auto& [name, value] : variables) json[name] = value;
    return json.empty() ? Json() : json;
  }
  static void read(Reader& reader, const Member& member, Variables& out) {
    if (!reader.expect(member, Kind::kTable, "a table of variables")) return;
    const Reader::Scope scope(reader, member.name);
    for (const auto& variable : member.node.members) {
      if (is_free_key(variable.name)) continue;
      if (auto name = parse_variable(variable.name); !name) {
        reader.wrong_name(variable, name.error());
      } else if (std::string value; to_text(reader, variable, value)) {
        out.emplace_back(variable.name, std::move(value));
      }
    }
  }

 private:
  static bool to_text(Reader& reader, const Member& variable, std::string& out) {
    if (variable.node.kind == Kind::kWhole) {
      out = fmt::format("{}", variable.node.whole);
    } else if (variable.node.kind == Kind::kBoolean) {
      out = variable.node.boolean ? "true" : "false";
    } else if (!reader.expect_text(variable)) {
      return false;
    } else {
      out = variable.node.text;
    }
    return true;
  }
};

template <typename Type>
  requires requires(Reader& r, const Member& m, typename Type::Value& v) { Type::read(r, m, v); }
void read_value(Reader& reader, const Member& member, typename Type::Value& out) {
  Type::read(reader, member, out);
}

}  // namespace fairlead::config
