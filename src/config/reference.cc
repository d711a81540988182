// docs/fairlead-toml.md, from the tables in app_schema.cc.
#include <fmt/format.h>

#include "config/load.h"
#include "config/schema.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kIntroduction = R"(# fairlead.toml

Every key there is. This page is made from the tables that the file is read by: do not edit it
(`FAIRLEAD_UPDATE_GOLDEN=1 build/release/config_test` writes it anew).

Unknown keys are errors, but for keys that start with `x-`, which are left to others. `fairlead check`
reports everything that is wrong with a file, with line and column.

## Kinds of value

| kind | form |
|---|---|
| duration | `"250ms"`, `"5s"`, `"10m"`, `"1h"`, `"7d"`: a whole number and one unit |
| size | `"512K"`, `"64M"`, `"2G"`, `"1T"`: a whole number of KiB, MiB, GiB, TiB |
| rate | `"50/s"`, `"300/m"`, `"1000/h"`, `"10000/d"` |
| name | a DNS label: `a-z`, `0-9`, `-`; at most 63 |
| version | `"1.0.1"`, `"2.0.0-rc.1"` (SemVer without build metadata) |
| host | `"example.com"`; `"*.example.com"` for any one label in front |
| path | `"/readyz"`: absolute, without query |
| path pattern | a path that may end in `*`: `"/static/*"` |
| variable | the name of an environment variable: letters, digits, `_` |
| command | text, run by `/bin/sh` |
)";

std::string heading_of(const Key& key, std::string_view parent) {
  const auto path = parent.empty() ? std::string(key.name) : fmt::format("{}.{}", parent, key.name);
  return key.shape == Shape::kNamedTables ? path + ".NAME" : path;
}

std::string bracketed(const Key& key, std::string_view heading, bool inside_list) {
  if (inside_list) return fmt::format("`{} = {{ … }}`", heading);
  return key.shape == Shape::kListOfTables ? fmt::format("`[[{}]]`", heading)
                                           : fmt::format("`[{}]`", heading);
}

std::string default_text(const Schema& schema, const Key& key) {
  if (key.required) return "required";
  const auto value = schema.default_of(key);
  return value.is_null() ? "" : fmt::format("`{}`", value.dump());
}

void write_schema(const Schema& schema, std::string_view path, bool inside_list, std::string& out) {
  out += "\n| key | kind | default | |\n|---|---|---|---|\n";
  for (const auto& key : schema.keys)
    if (key.shape == Shape::kValue)
      out += fmt::format("| `{}` | {} | {} | {} |\n", key.name, key.type(),
                         default_text(schema, key), key.doc);
  for (const auto& key : schema.keys) {
    if (key.shape == Shape::kValue) continue;
    const auto heading = heading_of(key, path);
    out += fmt::format("\n## {}\n\n{}\n", bracketed(key, heading, inside_list), key.doc);
    if (key.nested)
      write_schema(*key.nested, heading, inside_list || key.shape == Shape::kListOfTables, out);
  }
}

}  // namespace

std::string reference() {
  std::string out(kIntroduction);
  out += "\n## At the top\n";
  write_schema(app_schema(), "", false, out);
  return out;
}

}  // namespace fairlead::config
