#include "target/import.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace fairlead::target {

std::string as_label(std::string_view text) {
  std::string label;
  for (char c : text) {
    c = ascii_lower(c);
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (fits || (!label.empty() && label.back() != '-')) label += fits ? c : '-';
  }
  if (label.size() > 63) label.resize(63);
  while (label.ends_with('-')) label.pop_back();
  if (label.empty() || (label[0] >= '0' && label[0] <= '9')) label.insert(0, "app");
  return label;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + '"';
}

Result<Imported> import_procfile(std::string_view text, std::string_view file,
                                 std::string_view name) {
  Imported imported;
  imported.toml = fmt::format("# From {}.\nname = {}\n", file, toml_text(as_label(name)));
  unsigned number = 0;
  for (const auto whole : split(text, '\n')) {
    ++number;
    const auto line = trim(whole.ends_with('\r') ? whole.substr(0, whole.size() - 1) : whole);
    if (line.empty() || line.starts_with('#')) continue;
    const auto colon = line.find(':');
    const auto command = trim(line.substr(std::min(colon, line.size() - 1) + 1));
    if (colon == std::string_view::npos || command.empty())
      return fail(Code::kInvalid,
                  fmt::format("{}:{}: a line is 'TYPE: COMMAND', not '{}'", file, number, line));
    const auto type = trim(line.substr(0, colon));
    if (type == "release") {
      imported.toml += fmt::format("\n[deploy]\nrelease_command = {}\n", toml_text(command));
      imported.notes.push_back({Fidelity::kCarried, "release", "deploy.release_command"});
      continue;
    }
    imported.toml +=
        fmt::format("\n[processes.{}]\ncommand = {}\n", as_label(type), toml_text(command));
    imported.notes.push_back({Fidelity::kCarried, std::string(type), "a process type"});
  }
  imported.notes.push_back(
      {Fidelity::kMissing, "add-ons",
       "a Procfile names no databases: add [services.db] where one is needed"});
  return imported;
}

}  // namespace fairlead::target
