// The name of an image in a registry, as Docker writes it:
// "registry.example.com:5000/team/shop:1.2".
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::ship {

struct ImageName {
  std::string registry;    // host and port to talk to: "registry-1.docker.io" for "shop:1"
  std::string repository;  // "team/shop"
  std::string reference;   // a tag, "latest" where none is given, or a digest

  bool is_local() const;  // on this machine: spoken to without TLS, as Docker does
  std::string to_string() const;
};

// kInvalid for what is none.
Result<ImageName> parse_image_name(std::string_view text);

struct RegistryLogin {
  std::string user, password;
};
// Who this user is there: FAIRLEAD_REGISTRY_USER and FAIRLEAD_REGISTRY_PASSWORD, else what `docker
// login` or `podman login` has written down in plain ($DOCKER_CONFIG/config.json,
// ~/.docker/config.json, $REGISTRY_AUTH_FILE). Both empty for nobody.
RegistryLogin login_for(const ImageName& name);

std::string base64(std::string_view bytes);

}  // namespace fairlead::ship
