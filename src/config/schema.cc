#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::config {
namespace {

std::vector<std::string_view> names_of(std::span<const Key> keys) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

// "build, processes.NAME": the tables below `schema` that have that key.
std::string homes_of(std::string_view name, const Schema& schema, const std::string& path = "") {
  std::string homes;
  for (const auto& key : schema.keys) {
    if (!key.nested) continue;
    auto below = fmt::format("{}{}{}{}", path, path.empty() ? "" : ".", key.name,
                             key.shape == Shape::kNamedTables ? ".NAME" : "");
    if (key.nested->find(name)) homes += (homes.empty() ? "" : ", ") + below;
    if (auto inner = homes_of(name, *key.nested, below); !inner.empty())
      homes += (homes.empty() ? "" : ", ") + inner;
  }
  return homes;
}

// What was probably meant by a name among others; nothing for names too long to be a slip.
std::optional<std::string_view> meant(std::string_view name, const Schema& schema) {
  if (name.size() > 64) return std::nullopt;
  return nearest(name, names_of(schema.keys));
}

// Documentation as part of a sentence: "The path." gives "the path".
std::string in_sentence(std::string_view doc) {
  std::string text(doc.substr(0, doc.find_last_not_of('.') + 1));
  text[0] = ascii_lower(text[0]);
  std::erase(text, '`');
  return text;
}

}  // namespace

const Key* Schema::find(std::string_view name) const {
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

Json Schema::write(const void* target) const {
  Json json = Json::object();
  for (const auto& key : keys) {
    auto value = key.write(target);
    if (key.required && value.is_null()) return Json();
    if (!value.is_null()) json[key.name] = std::move(value);
  }
  return json;
}

void Reader::read_table(const Schema& schema, const Member& table, void* target) {
  const auto errors_before = diagnostics_.errors();
  for (const auto& member : table.node.members) {
    if (diagnostics_.full()) break;
    if (is_free_key(member.name)) continue;
    if (const auto* key = schema.find(member.name)) {
      key->read(*this, member, target);
    } else {
      unknown_key(schema, member);
    }
  }
  if (complete_) missing_keys(schema, table);
  if (diagnostics_.errors() != errors_before) broken_.insert(table.span.where);
}

bool Reader::expect(const Member& member, Kind kind, std::string_view expected) {
  if (member.node.kind == kind) return true;
  const bool wants_text =
      kind == Kind::kText && member.node.kind != Kind::kTable && member.node.kind != Kind::kList;
  wrong(member, fmt::format("must be {}, not {}", expected, to_string(member.node.kind)),
        wants_text ? "put it in quotes" : "");
  return false;
}

bool Reader::expect_text(const Member& member) {
  if (!expect(member, Kind::kText, "text")) return false;
  if (!member.node.text.contains('\0')) return true;
  wrong(member, "must not hold a NUL character");
  return false;
}

void Reader::wrong(const Member& member, std::string_view problem, std::string suggestion) {
  const bool at_name = member.node.kind == Kind::kTable || member.node.span.where.line == 0;
  diagnostics_.error(at_name ? member.span : member.node.span,
                     fmt::format("{}{}: {}", member.name, in_path(), problem),
                     std::move(suggestion));
}

void Reader::wrong_name(const Member& member, const Error& error) {
  diagnostics_.error(member.span, fmt::format("{}: {}", path_, error.message()), error.hint());
}

void Reader::unknown_key(const Schema& schema, const Member& member) {
  std::string suggestion;
  if (const auto near = meant(member.name, schema)) {
    suggestion = fmt::format("did you mean '{}'?", *near);
  } else if (const auto homes = homes_of(member.name, app_schema()); !homes.empty()) {
    suggestion = fmt::format("it is a key of {}", homes);
  } else {
    suggestion = fmt::format("known here: {}", fmt::join(names_of(schema.keys), ", "));
  }
  diagnostics_.error(member.span, fmt::format("unknown key '{}'{}", member.name, in_path()),
                     std::move(suggestion));
}

void Reader::missing_keys(const Schema& schema, const Member& table) {
  for (const auto& key : schema.keys) {
    if (!key.required || table.node.find(key.name)) continue;
    // A misspelt key has been told already.
    const bool misspelt = std::ranges::any_of(table.node.members, [&](const Member& member) {
      return !schema.find(member.name) && meant(member.name, schema) == key.name;
    });
    if (misspelt) continue;
    diagnostics_.error(table.span, fmt::format("missing key '{}'{} ({})", key.name, in_path(),
                                               in_sentence(key.doc)));
  }
}

std::string Reader::in_path() const { return path_.empty() ? "" : " in " + path_; }

}  // namespace fairlead::config
