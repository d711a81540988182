#include "observe/dashboard.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"
#include "observe/dashboard_assets.h"

namespace fairlead::observe {
namespace {

// Nothing from elsewhere, nothing inline, no frame, no form.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void add_headers(http::Fields& fields) {
  fields.set("Content-Security-Policy", kPolicy);
  fields.set("X-Content-Type-Options", "nosniff");
  fields.set("Referrer-Policy", "no-referrer");
  fields.set("Cross-Origin-Opener-Policy", "same-origin");
  fields.set("Cross-Origin-Resource-Policy", "same-origin");
  fields.set("Cache-Control", "no-cache");
}

io::Task<void> respond(http::Exchange& exchange, http::Response response) {
  add_headers(response.fields);
  static_cast<void>(co_await exchange.respond(std::move(response)));
}

// The pages of the one document: it looks at the path itself.
bool is_page(std::string_view path) {
  return path.find('.') == std::string_view::npos && !path.starts_with("/v1/") &&
         path != "/metrics";
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Dashboard::Dashboard(io::Loop& loop, http::Handler api, std::string token,
                     std::vector<std::string> hosts)
    : api_(std::move(api)),
      token_(std::move(token)),
      hosts_(std::move(hosts)),
      server_(loop, [this](http::Exchange& exchange) { return answer(exchange); }) {}

void Dashboard::serve(UniqueFd listening_socket) { server_.serve(std::move(listening_socket)); }

io::Task<void> Dashboard::stop() {
  static_cast<void>(co_await server_.drain(io::Deadline::in(1s)));
}

bool Dashboard::is_ours(std::string_view host) const {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == "::1" ||
         std::ranges::find(hosts_, host) != hosts_.end();
}

bool Dashboard::is_signed_in(const http::Request& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  const auto* given = request.fields.find("Authorization");
  return given && given->starts_with(kBearer) &&
         same_text(std::string_view(*given).substr(kBearer.size()), token_);
}

io::Task<void> Dashboard::answer(http::Exchange& exchange) {
  auto& request = exchange.request;
  if (!is_ours(request.host))
    co_return co_await respond(
        exchange, http::Response::problem(421, "Misdirected request",
                                          "the dashboard is not served under this name"));
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  for (const Asset& asset : dashboard_assets()) {
    if (request.path != asset.path && !(asset.path == "/" && is_page(request.path))) continue;
    if (!reads) break;
    http::Response response{.body = std::string(asset.content)};
    response.fields.set("Content-Type", std::string(asset.type));
    co_return co_await respond(exchange, std::move(response));
  }
  const bool signed_in = is_signed_in(request);
  if (request.path == "/v1/session")
    co_return co_await respond(
        exchange, http::Response::json(fmt::format("{{\"signed_in\":{}}}\n", signed_in)));
  // Values of secrets are told to nobody; their names only to those who could set them.
  if ((!reads || request.path == "/v1/secrets") && !signed_in)
    co_return co_await respond(
        exchange, http::Response::problem(401, "Not signed in", "this needs the token"));
  // From here on it is a request of the user that control runs as.
  request.peer_uid = ::geteuid();
  co_await api_(exchange);
}

Result<std::string> dashboard_token(const std::filesystem::path& file) {
  if (const auto text = read_file(file, 256); text && !trim(*text).empty())
    return std::string(trim(text->substr(0, text->find('\n'))));
  unsigned char bytes[24];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return fail_errno("getrandom");
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  TRY_VOID(write_file_atomically(file, token + "\n", 0600));
  return token;
}

}  // namespace fairlead::observe
