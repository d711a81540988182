// A repository in a registry, spoken to by the OCI distribution protocol (distribution-spec v1.1).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "http/named_client.h"
#include "ship/artifact_store.h"
#include "ship/image_name.h"

namespace fairlead::ship {

class Registry {
 public:
  // With a login that a server asks for, by password or by token, in whichever of the two ways it
  // says. TLS, but for registries on this machine.
  Registry(io::Loop& loop, ImageName name, RegistryLogin login);

  struct Pushed {
    unsigned blobs = 0;  // sent; the others were there
    std::uint64_t bytes = 0;
  };
  // Sends what the registry does not have, manifest last: nobody ever sees half an image. kDenied
  // (who this is may not), kUnavailable, kTimeout. `on_step` hears what is being sent.
  io::Task<Result<Pushed>> push(const ArtifactStore& store, std::string digest,
                                std::function<void(std::string_view)> on_step,
                                io::Deadline deadline);
  // Takes an image over, every blob checked against its digest; of several, the one for this
  // machine's processor.
  io::Task<Result<Artifact>> pull(ArtifactStore& store, io::Deadline deadline);

 private:
  // Where a request goes: a server, and what to ask it.
  struct Place {
    http::Url server;
    std::string target;
  };
  Place place(std::string_view path) const;
  Result<Place> place_of(const http::Response& response) const;  // its Location
  io::Task<Result<http::Response>> send(http::Request request, Place place, io::Deadline deadline);
  io::Task<Result<http::Response>> ask(http::Request request, Place place, io::Deadline deadline);
  io::Task<Result<>> log_in(std::string challenge, io::Deadline deadline);
  io::Task<Result<std::string>> get(std::string path, io::Deadline deadline);
  io::Task<Result<std::string>> get_blob(std::string digest, io::Deadline deadline);
  io::Task<Result<bool>> has_blob(std::string digest, io::Deadline deadline);
  io::Task<Result<>> put_blob(std::filesystem::path file, std::string digest,
                              io::Deadline deadline);
  Error refused(const http::Response& response, std::string_view what) const;

  io::Loop& loop_;
  const ImageName name_;
  const RegistryLogin login_;
  std::string authorization_;  // for the registry itself, "" before it asks
  std::map<std::string, std::unique_ptr<http::NamedClient>> clients_;  // by authority
};

}  // namespace fairlead::ship
