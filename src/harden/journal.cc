#include "harden/journal.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace fairlead::harden {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// Bytes as JSON text can hold them: each as the character of its number.
std::string to_latin1(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xc0 | byte >> 6);
      text += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return text;
}

std::string from_latin1(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80 || i + 1 == text.size()) {
      bytes += text[i];
    } else {
      bytes += static_cast<char>((first & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
    }
  }
  return bytes;
}

}  // namespace

Journal::Journal(const fs::path& root) : folder_(root / "var/lib/fairlead/harden") {}

fs::path Journal::file(std::size_t number) const {
  return folder_ / fmt::format("{}.json", number);
}

std::size_t Journal::count() const {
  std::size_t n = 0;
  while (fs::exists(file(n + 1))) ++n;
  return n;
}

Result<> Journal::begin(const std::vector<Former>& formers) {
  Json all = Json::array();
  for (const Former& former : formers) {
    Json entry = {{"kind", former.kind},
                  {"path", former.path},
                  {"mode", former.mode},
                  {"uid", former.uid},
                  {"gid", former.gid},
                  {"ours", to_latin1(former.ours)},
                  {"folder", former.folder},
                  {"bytes", former.bytes ? Json(to_latin1(*former.bytes)) : Json()}};
    all.push_back(std::move(entry));
  }
  TRY_VOID(make_directories(folder_, 0700));
  TRY_VOID(write_file_atomically(folder_ / "unconfirmed", "", 0600));
  return write_file_atomically(file(count() + 1), all.dump(1) + "\n", 0600);
}

Result<std::vector<Former>> Journal::last() const {
  const std::size_t n = count();
  if (n == 0) return fail(Code::kNotFound, "there is nothing to undo");
  TRY(const std::string text, read_file(file(n)));
  const Json all = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!all.is_array()) return fail(Code::kInvalid, file(n).native() + " is broken");
  std::vector<Former> formers;
  for (const Json& entry : all) {
    Former former{.kind = entry.at("kind").get<Former::Kind>(),
                  .path = entry.at("path").get<std::string>(),
                  .bytes = {},
                  .mode = entry.at("mode").get<unsigned>(),
                  .uid = entry.at("uid").get<unsigned>(),
                  .gid = entry.at("gid").get<unsigned>(),
                  .ours = from_latin1(entry.at("ours").get<std::string>()),
                  .folder = entry.at("folder").get<std::string>()};
    if (!entry.at("bytes").is_null())
      former.bytes = from_latin1(entry.at("bytes").get<std::string>());
    formers.push_back(std::move(former));
  }
  return formers;
}

Result<> Journal::forget_last() {
  std::error_code error;
  fs::remove(file(count()), error);
  if (error) return fail(Code::kSystem, error.message());
  fs::remove(folder_ / "unconfirmed", error);
  return {};
}

bool Journal::confirmed() const { return !fs::exists(folder_ / "unconfirmed"); }

Result<> Journal::confirm() {
  if (confirmed()) return fail(Code::kNotFound, "nothing waits to be confirmed");
  std::error_code error;
  fs::remove(folder_ / "unconfirmed", error);
  if (error) return fail(Code::kSystem, error.message());
  return {};
}

}  // namespace fairlead::harden
