#include "ship/image_name.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "ship/digest.h"

namespace fairlead::ship {

namespace {

constexpr std::string_view kDockerHub = "registry-1.docker.io";
constexpr std::string_view kDockerHubLogin = "https://index.docker.io/v1/";

bool is_made_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.contains(c);
  });
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text[0] != '.' && text[0] != '-' &&
         is_made_of(to_lower(text), "_.-");
}

bool is_repository(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  return std::ranges::all_of(split(text, '/'), [](std::string_view part) {
    return !part.empty() && is_made_of(part, "._-") && is_made_of(part.substr(0, 1), "") &&
           is_made_of(part.substr(part.size() - 1), "");
  });
}

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

std::string from_base64(std::string text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return {};
  bytes.resize(static_cast<std::size_t>(size) - (text.ends_with("==") ? 2 : text.ends_with('=')));
  return bytes;
}

// The login for `key` in a config.json; both empty where there is none.
RegistryLogin login_in(const std::filesystem::path& file, const std::string& key) {
  const auto text = read_file(file);
  if (!text) return {};
  const auto config = nlohmann::json::parse(*text, nullptr, false);
  if (!config.is_object()) return {};
  const auto entry = config.value("auths", nlohmann::json::object()).value(key, nlohmann::json());
  if (!entry.is_object() || !entry.value("auth", nlohmann::json()).is_string()) return {};
  const std::string pair = from_base64(entry["auth"]);
  const auto colon = pair.find(':');
  if (colon == std::string::npos) return {};
  return {pair.substr(0, colon), pair.substr(colon + 1)};
}

}  // namespace

bool ImageName::is_local() const {
  const auto host = std::string_view(registry).substr(0, registry.find(':'));
  return host == "localhost" || host == "127.0.0.1";
}

std::string ImageName::to_string() const {
  return fmt::format("{}/{}{}{}", registry, repository, is_digest(reference) ? "@" : ":",
                     reference);
}

Result<ImageName> parse_image_name(std::string_view text) {
  const auto wrong = [whole = std::string(text)] {
    return fail(Error(Code::kInvalid, fmt::format("'{}' is no name of an image", whole))
                    .hint("such as registry.example.com/team/shop:1.2"));
  };
  ImageName name{.reference = "latest"};
  const auto slash = text.find('/');
  const auto first = text.substr(0, slash);
  if (slash != std::string_view::npos &&
      (first.contains('.') || first.contains(':') || first == "localhost")) {
    name.registry = first == "docker.io" ? kDockerHub : first;
    text.remove_prefix(slash + 1);
  } else {
    name.registry = kDockerHub;
  }
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    name.reference = text.substr(at + 1);
    if (!is_digest(name.reference)) return wrong();
    text = text.substr(0, at);
  } else if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    name.reference = text.substr(colon + 1);
    if (!is_tag(name.reference)) return wrong();
    text = text.substr(0, colon);
  }
  name.repository = text;
  if (!is_made_of(to_lower(name.registry.substr(0, 1)), "") ||
      !is_made_of(to_lower(name.registry), ".:-"))
    return wrong();
  if (name.registry == kDockerHub && !text.contains('/'))
    name.repository = fmt::format("library/{}", text);
  if (!is_repository(name.repository)) return wrong();
  return name;
}

RegistryLogin login_for(const ImageName& name) {
  if (auto user = variable("FAIRLEAD_REGISTRY_USER"); !user.empty())
    return {std::move(user), variable("FAIRLEAD_REGISTRY_PASSWORD")};
  const std::string folder = variable("DOCKER_CONFIG");
  const std::filesystem::path files[] = {
      variable("REGISTRY_AUTH_FILE"),
      folder.empty() ? std::filesystem::path(variable("HOME")) / ".docker/config.json"
                     : std::filesystem::path(folder) / "config.json"};
  for (const auto& file : files)
    if (auto login = login_in(
            file, name.registry == kDockerHub ? std::string(kDockerHubLogin) : name.registry);
        !login.user.empty())
      return login;
  return {};
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return text;
}

}  // namespace fairlead::ship
