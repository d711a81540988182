#include "ship/registry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "ship/digest.h"
#include "ship/image.h"

namespace fairlead::ship {

namespace fs = std::filesystem;
using http::Method;
using http::Request;
using http::Response;
using nlohmann::json;

namespace {

constexpr std::size_t kPiece = 32u << 20;       // of a blob, in one request
constexpr std::size_t kLargestBlob = 2u << 30;  // that is taken over
constexpr std::string_view kAccept =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr unsigned kRedirects = 5;

Request request_of(Method method, std::string body = {}) {
  Request request;
  request.method = method;
  request.method_text = http::to_string(method);
  request.body = std::move(body);
  return request;
}

// The parameters of a challenge: Bearer realm="https://…",service="…" (RFC 9110 §11.2).
std::map<std::string, std::string> parameters_of(std::string_view challenge) {
  std::map<std::string, std::string> parameters;
  while (!challenge.empty()) {
    const auto equals = challenge.find('=');
    if (equals == std::string_view::npos) break;
    const auto name = to_lower(trim(challenge.substr(0, equals)));
    challenge.remove_prefix(equals + 1);
    std::string_view value;
    if (challenge.starts_with('"')) {
      const auto end = std::min(challenge.find('"', 1), challenge.size());
      value = challenge.substr(1, end - 1);
      challenge.remove_prefix(std::min(end + 1, challenge.size()));
    } else {
      value = trim(challenge.substr(0, challenge.find(',')));
      challenge.remove_prefix(std::min(challenge.find(','), challenge.size()));
    }
    parameters[name] = value;
    challenge = trim(challenge);
    if (challenge.starts_with(',')) challenge = trim(challenge.substr(1));
  }
  return parameters;
}

Result<std::string> read_piece(const UniqueFd& fd, std::uint64_t offset, std::size_t size) {
  std::string piece(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const ssize_t n =
        ::pread(fd.get(), piece.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno("cannot read a blob");
    done += static_cast<std::size_t>(n);
  }
  return piece;
}

std::string with_digest(std::string target, const std::string& digest) {
  return fmt::format("{}{}digest={}", target, target.contains('?') ? '&' : '?',
                     http::percent_encode(digest));
}

// Of an image index the manifest for this machine; "" for what is a manifest itself.
std::string manifest_for_this_machine(const std::string& document) {
  const json index = json::parse(document, nullptr, false);
  if (!index.is_object() || !index.contains("manifests")) return "";
  for (const auto& entry : index["manifests"]) {
    const json platform = entry.value("platform", json::object());
    if (platform.value("os", "") == "linux" && platform.value("architecture", "") == kArchitecture)
      return entry.value("digest", "");
  }
  return "";
}

}  // namespace

Registry::Registry(io::Loop& loop, ImageName name, RegistryLogin login)
    : loop_(loop), name_(std::move(name)), login_(std::move(login)) {}

Registry::Place Registry::place(std::string_view path) const {
  const auto colon = name_.registry.rfind(':');
  http::Url server{.tls = !name_.is_local(), .host = name_.registry.substr(0, colon), .path = {}};
  server.port = server.tls ? 443 : 80;
  if (colon != std::string::npos)
    server.port = static_cast<std::uint16_t>(
        parse_unsigned(std::string_view(name_.registry).substr(colon + 1)).value_or(0));
  return {std::move(server), fmt::format("/v2/{}/{}", name_.repository, path)};
}

Result<Registry::Place> Registry::place_of(const Response& response) const {
  const std::string* location = response.fields.find("location");
  if (!location) return fail(Code::kProtocol, name_.registry + " answers without a Location");
  auto here = place("");
  if (location->starts_with('/')) return Place{here.server, *location};
  const auto scheme = location->find("://");
  if (scheme == std::string::npos)
    return fail(Code::kProtocol, name_.registry + " answers with a relative Location");
  const auto path = std::min(location->find_first_of("/?", scheme + 3), location->size());
  TRY(auto server, http::parse_url("Location", location->substr(0, path)));
  // A registry behind a proxy may say http of itself: what began with TLS goes on with it.
  if (server.host == here.server.host) server = here.server;
  return Place{std::move(server), location->substr(path)};
}

Error Registry::refused(const Response& response, std::string_view what) const {
  const json body = json::parse(response.body, nullptr, false);
  std::string reason;
  if (body.is_object() && body.contains("errors") && body["errors"].is_array())
    for (const auto& error : body["errors"])
      if (error.is_object()) reason += ": " + error.value("message", error.value("code", ""));
  const bool denied = response.status == 401 || response.status == 403;
  Error error(denied                   ? Code::kDenied
              : response.status == 404 ? Code::kNotFound
              : response.status >= 500 ? Code::kUnavailable
                                       : Code::kProtocol,
              fmt::format("{} answers {} {}{}", name_.registry, response.status, what, reason));
  if (!denied) return error;
  return std::move(error).hint(
      fmt::format("'docker login {}', or set FAIRLEAD_REGISTRY_USER and FAIRLEAD_REGISTRY_PASSWORD",
                  name_.registry));
}

io::Task<Result<Response>> Registry::send(Request request, Place place, io::Deadline deadline) {
  auto& client = clients_[place.server.authority()];
  if (!client) {
    CO_TRY(client, http::NamedClient::create(loop_, place.server, kLargestBlob));
  }
  request.target = place.target;
  co_return co_await client->send(std::move(request), deadline);
}

io::Task<Result<Response>> Registry::ask(Request request, Place place, io::Deadline deadline) {
  const bool at_home = place.server.authority() == this->place("").server.authority();
  if (at_home && !authorization_.empty()) request.fields.set("Authorization", authorization_);
  CO_TRY(auto response, co_await send(request, place, deadline));
  const std::string* challenge = response.fields.find("www-authenticate");
  if (response.status != 401 || !challenge || !at_home) co_return response;
  CO_TRY_VOID(co_await log_in(*challenge, deadline));
  request.fields.set("Authorization", authorization_);
  co_return co_await send(std::move(request), std::move(place), deadline);
}

io::Task<Result<>> Registry::log_in(std::string challenge, io::Deadline deadline) {
  const std::string basic = "Basic " + base64(fmt::format("{}:{}", login_.user, login_.password));
  const auto space = std::min(challenge.find(' '), challenge.size());
  if (!iequals(challenge.substr(0, space), "bearer")) {
    authorization_ = login_.user.empty() ? "" : basic;
    co_return Result<>();
  }
  auto parameters = parameters_of(std::string_view(challenge).substr(space));
  const std::string realm = parameters["realm"];
  const auto path =
      std::min(realm.find('/', std::min(realm.find("://"), realm.size() - 3) + 3), realm.size());
  CO_TRY(auto server, http::parse_url("the realm of the registry", realm.substr(0, path)));
  std::string target = realm.substr(path);
  target +=
      fmt::format("{}service={}&scope={}", target.contains('?') ? "&" : "?",
                  http::percent_encode(parameters["service"]),
                  http::percent_encode(fmt::format("repository:{}:pull,push", name_.repository)));
  auto request = request_of(Method::kGet);
  if (!login_.user.empty()) request.fields.set("Authorization", basic);
  CO_TRY(const auto response,
         co_await send(std::move(request), Place{std::move(server), std::move(target)}, deadline));
  if (response.status != 200) co_return fail(refused(response, "to the login"));
  const json answer = json::parse(response.body, nullptr, false);
  for (const char* key : {"token", "access_token"})
    if (answer.is_object() && answer.value(key, json()).is_string()) {
      authorization_ = "Bearer " + answer[key].get<std::string>();
      co_return Result<>();
    }
  co_return fail(Code::kProtocol, fmt::format("{} gives no token", realm));
}

io::Task<Result<bool>> Registry::has_blob(std::string digest, io::Deadline deadline) {
  CO_TRY(const auto response,
         co_await ask(request_of(Method::kHead), place(fmt::format("blobs/{}", digest)), deadline));
  if (response.status == 401 || response.status == 403)
    co_return fail(refused(response, "to who this is"));
  co_return response.status == 200 || response.status == 307;
}

io::Task<Result<>> Registry::put_blob(fs::path file, std::string digest, io::Deadline deadline) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) co_return fail_errno(file.string());
  std::error_code error;
  const std::uint64_t size = fs::file_size(file, error);
  CO_TRY(auto response, co_await ask(request_of(Method::kPost), place("blobs/uploads/"), deadline));
  if (response.status != 202) co_return fail(refused(response, "to an upload"));
  // All but the last piece by PATCH; the last one by PUT, which also says what all of it is.
  for (std::uint64_t sent = 0;;) {
    CO_TRY(auto next, place_of(response));
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - sent));
    const bool last = sent + length == size;
    CO_TRY(auto piece, read_piece(fd, sent, length));
    auto request = request_of(last ? Method::kPut : Method::kPatch, std::move(piece));
    request.fields.set("Content-Type", "application/octet-stream");
    if (sent > 0 || !last)
      request.fields.set("Content-Range", fmt::format("{}-{}", sent, sent + length - 1));
    if (last) next.target = with_digest(std::move(next.target), digest);
    CO_TRY(response, co_await ask(std::move(request), std::move(next), deadline));
    sent += length;
    if (last) break;
    if (response.status != 202) co_return fail(refused(response, "to a part of a blob"));
  }
  if (response.status != 201)
    co_return fail(refused(response, fmt::format("to the blob {}", digest)));
  co_return Result<>();
}

io::Task<Result<Registry::Pushed>> Registry::push(const ArtifactStore& store, std::string digest,
                                                  std::function<void(std::string_view)> on_step,
                                                  io::Deadline deadline) {
  CO_TRY(std::string manifest, read_file(store.blob(digest)));
  CO_TRY(const References references, references_of_manifest(manifest));
  auto blobs = references.layers;
  blobs.push_back(references.configuration);
  Pushed pushed;
  for (const auto& blob : blobs) {
    CO_TRY(const bool there, co_await has_blob(blob, deadline));
    if (there) continue;
    std::error_code error;
    const auto size = fs::file_size(store.blob(blob), error);
    on_step(fmt::format("sending {} ({})", blob.substr(0, 19), human_bytes(size)));
    CO_TRY_VOID(co_await put_blob(store.blob(blob), blob, deadline));
    ++pushed.blobs;
    pushed.bytes += size;
  }
  const json document = json::parse(manifest, nullptr, false);
  auto request = request_of(Method::kPut, std::move(manifest));
  request.fields.set("Content-Type", document.value("mediaType", std::string(kManifestType)));
  CO_TRY(const auto response,
         co_await ask(std::move(request), place(fmt::format("manifests/{}", name_.reference)),
                      deadline));
  if (response.status != 201) co_return fail(refused(response, "to the manifest"));
  co_return pushed;
}

io::Task<Result<std::string>> Registry::get(std::string path, io::Deadline deadline) {
  auto where = place(path);
  for (unsigned i = 0; i < kRedirects; ++i) {
    auto request = request_of(Method::kGet);
    request.fields.set("Accept", std::string(kAccept));
    CO_TRY(auto response, co_await ask(std::move(request), where, deadline));
    if (response.status == 200) co_return std::move(response.body);
    if (response.status < 300 || response.status > 308)
      co_return fail(refused(response, fmt::format("to {}", path)));
    CO_TRY(where, place_of(response));
  }
  co_return fail(Code::kProtocol, fmt::format("{} redirects {} for ever", name_.registry, path));
}

io::Task<Result<std::string>> Registry::get_blob(std::string digest, io::Deadline deadline) {
  CO_TRY(auto content, co_await get(fmt::format("blobs/{}", digest), deadline));
  if (digest_of(content) != digest)
    co_return fail(Code::kProtocol,
                   fmt::format("{} sends something else as {}", name_.registry, digest));
  co_return content;
}

io::Task<Result<Artifact>> Registry::pull(ArtifactStore& store, io::Deadline deadline) {
  CO_TRY(std::string manifest,
         co_await get(fmt::format("manifests/{}", name_.reference), deadline));
  std::string expected = is_digest(name_.reference) ? name_.reference : "";
  if (auto chosen = manifest_for_this_machine(manifest); !chosen.empty()) {
    expected = std::move(chosen);
    CO_TRY(manifest, co_await get(fmt::format("manifests/{}", expected), deadline));
  }
  if (!expected.empty() && digest_of(manifest) != expected)
    co_return fail(Code::kProtocol,
                   fmt::format("{} sends something else as {}", name_.registry, expected));
  CO_TRY(const References references, references_of_manifest(manifest));
  auto blobs = references.layers;
  blobs.push_back(references.configuration);
  for (const auto& blob : blobs) {
    if (std::error_code error; fs::exists(store.blob(blob), error)) continue;
    CO_TRY(const auto content, co_await get_blob(blob, deadline));
    CO_TRY_VOID(store.add_blob(content));
  }
  co_return store.add_manifest(references.app, manifest);
}

}  // namespace fairlead::ship
