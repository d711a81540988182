#include "ship/secrets.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "base/file.h"
#include "base/strings.h"
#include "ship/sealed_file.h"

namespace fairlead::ship {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kSuffix = ".secrets";

fs::path key_file(const fs::path& folder) { return folder / "key"; }
fs::path next_key_file(const fs::path& folder) { return folder / "key.next"; }
fs::path sealed_file(const fs::path& folder, const std::string& environment) {
  return folder / (environment + kSuffix);
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::ranges::all_of(name, [](char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(json(text).dump());  // the only way that the library offers to ask
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

}  // namespace

std::string Secrets::to_json(const Entries& entries) {
  json document = json::object();
  for (const auto& [name, entry] : entries) {
    json versions = json::object();
    for (const auto& [version, value] : entry.versions)
      versions[fmt::format("{}", version)] = {{"value", value.text}, {"set_at", value.set_at}};
    document[name] = {{"latest", entry.latest}, {"set", entry.set}, {"versions", versions}};
  }
  return document.dump();
}

Result<Secrets::Entries> Secrets::from_json(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(Code::kInvalid, "its content is damaged");
  Entries entries;
  for (const auto& [name, stored] : document.items()) {
    Entry entry{.latest = stored.at("latest"), .set = stored.at("set")};
    for (const auto& [version, value] : stored.at("versions").items())
      entry.versions[static_cast<unsigned>(parse_unsigned(version).value_or(0))] = {
          value.at("value"), value.at("set_at")};
    entries.emplace(name, std::move(entry));
  }
  return entries;
}

Result<Secrets> Secrets::open(fs::path folder, std::string environment) {
  TRY_VOID(make_directories(folder));
  std::error_code ignored;
  fs::permissions(folder, fs::perms::owner_all, ignored);
  const fs::path sealed = sealed_file(folder, environment);
  if (fs::exists(next_key_file(folder)))
    TRY_VOID(rotate_key(folder));  // a rotation was interrupted: finish it
  if (!fs::exists(key_file(folder))) {
    if (fs::exists(sealed))
      return fail(Error(Code::kNotFound, fmt::format("{} is there, but its key {} is gone",
                                                     sealed.string(), key_file(folder).string()))
                      .hint("put the key back from where you keep a copy"));
    TRY(const Key key, new_key());
    TRY_VOID(write_key(key_file(folder), key));
  }
  Secrets secrets(std::move(folder), std::move(environment));
  if (!fs::exists(sealed)) return secrets;
  TRY(const Key key, read_key(key_file(secrets.folder_)));
  TRY(const std::string content, read_file(sealed));
  auto plain = unseal(key, secrets.environment_, content);
  if (!plain)
    return fail(std::move(plain).error().in(fmt::format("cannot open {}", sealed.string())));
  TRY(secrets.entries_, from_json(*plain));
  return secrets;
}

Result<> Secrets::save(Entries entries) {
  TRY(const Key key, read_key(key_file(folder_)));
  TRY(const std::string sealed, seal(key, environment_, to_json(entries)));
  TRY_VOID(write_file_atomically(sealed_file(folder_, environment_), sealed, 0600));
  entries_ = std::move(entries);
  return {};
}

Result<> Secrets::set(const SecretValues& values) {
  Entries entries = entries_;
  const std::string at = rfc3339(wall_now());
  for (const auto& [name, value] : values) {
    if (!is_variable_name(name))
      return fail(
          Code::kInvalid,
          fmt::format("'{}' cannot be the name of a secret: letters, digits and _ only", name));
    if (value.find('\0') != std::string::npos || !is_utf8(value))
      return fail(
          Error(Code::kInvalid,
                fmt::format("the value of {} is not text: it holds a NUL, or is not UTF-8", name))
              .hint("encode binary values, for instance with base64"));
    Entry& entry = entries[name];
    entry.set = true;
    entry.versions[++entry.latest] = {value, at};
  }
  return save(std::move(entries));
}

Result<> Secrets::unset(const std::string& name) {
  Entries entries = entries_;
  const auto found = entries.find(name);
  if (found == entries.end() || !found->second.set)
    return fail(Code::kNotFound, fmt::format("no secret '{}'", name));
  found->second.set = false;
  return save(std::move(entries));
}

std::vector<SecretInfo> Secrets::list() const {
  std::vector<SecretInfo> infos;
  for (const auto& [name, entry] : entries_)
    if (entry.set) infos.push_back({name, entry.latest, entry.versions.at(entry.latest).set_at});
  return infos;
}

SecretPins Secrets::current() const {
  SecretPins pins;
  for (const auto& [name, entry] : entries_)
    if (entry.set) pins.emplace(name, entry.latest);
  return pins;
}

Result<SecretValues> Secrets::values(const SecretPins& pins) const {
  SecretValues values;
  for (const auto& [name, version] : pins) {
    const auto entry = entries_.find(name);
    if (entry == entries_.end() || !entry->second.versions.contains(version))
      return fail(Code::kNotFound,
                  fmt::format("version {} of the secret {} is gone", version, name));
    values.emplace_back(name, entry->second.versions.at(version).text);
  }
  return values;
}

Result<> Secrets::prune(const std::vector<SecretPins>& pinned) {
  Entries kept;
  for (const auto& [name, entry] : entries_) {
    std::set<unsigned> wanted;
    if (entry.set) wanted.insert(entry.latest);
    for (const auto& pins : pinned)
      if (const auto pin = pins.find(name); pin != pins.end()) wanted.insert(pin->second);
    // An entry without values stays: its number must go on counting up, or a pin would come to mean
    // another value.
    Entry& copy = kept[name];
    copy = {.latest = entry.latest, .set = entry.set};
    for (const auto& [version, value] : entry.versions)
      if (wanted.contains(version)) copy.versions.emplace(version, value);
  }
  return save(std::move(kept));
}

Result<> Secrets::rotate_key(const fs::path& folder) {
  TRY(const Key old_key, read_key(key_file(folder)));
  // Read everything before anything is written. A crash between the writes below leaves files of
  // two keys: the new key is beside the old one until all are done, and the next call goes on from
  // there.
  const fs::path next_file = next_key_file(folder);
  if (!fs::exists(next_file)) {
    TRY(const Key fresh, new_key());
    TRY_VOID(write_key(next_file, fresh));
  }
  TRY(const Key next, read_key(next_file));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != kSuffix) continue;
    const std::string environment = entry.path().stem();
    TRY(const std::string content, read_file(entry.path()));
    if (unseal(next, environment, content)) continue;
    TRY(const std::string plain, unseal(old_key, environment, content));
    TRY(const std::string sealed, seal(next, environment, plain));
    TRY_VOID(write_file_atomically(entry.path(), sealed, 0600));
  }
  fs::rename(next_file, key_file(folder), error);
  if (error) return fail(Error::system("rename", error.value()));
  return {};
}

// ---- .env

namespace {

Result<std::string> unquote(std::string_view text, std::size_t line) {
  const auto wrong = [line](std::string_view why) {
    return fail(Code::kInvalid, fmt::format("line {}: {}", line, why));
  };
  if (text.starts_with('\'')) {
    const auto end = text.find('\'', 1);
    if (end == std::string_view::npos || !trim(text.substr(end + 1)).empty())
      return wrong("the quote does not end");
    return std::string(text.substr(1, end - 1));
  }
  if (!text.starts_with('"')) return std::string(trim(text.substr(0, text.find(" #"))));
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (!trim(text.substr(i + 1)).empty()) return wrong("text after the closing quote");
      return value;
    }
    if (text[i] != '\\' || i + 1 == text.size()) {
      value += text[i];
    } else {
      const char c = text[++i];
      value += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
  }
  return wrong("the quote does not end");
}

}  // namespace

Result<SecretValues> parse_dotenv(std::string_view text) {
  SecretValues values;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("export ")) line = trim(line.substr(7));
    const auto equals = line.find('=');
    const auto name = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_variable_name(name))
      return fail(Code::kInvalid, fmt::format("line {}: expected NAME=value", number));
    TRY(std::string value, unquote(trim(line.substr(equals + 1)), number));
    values.emplace_back(name, std::move(value));
  }
  return values;
}

}  // namespace fairlead::ship
