#include "cli/dashboard_setup.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/strings.h"
#include "cli/app_setup.h"
#include "io/stream.h"

namespace fairlead::cli {

namespace {

constexpr const char* kPort = "FAIRLEAD_DASHBOARD_PORT";
constexpr std::uint16_t kUsual = 9797;

std::string_view variable(const char* name) {
  const char* const text = std::getenv(name);
  return text ? text : "";
}

Result<UniqueFd> listen_on(std::string_view host) {
  if (variable(kPort).empty()) {
    TRY(const auto usual, io::Address::ip(host, kUsual));
    if (auto socket = io::listen(usual)) return socket;
    TRY(const auto any, io::Address::ip(host, 0));
    return io::listen(any);
  }
  TRY(const auto address, listen_address(kPort, kUsual, host));
  return io::listen(address);
}

}  // namespace

Result<OpenDashboard> open_dashboard(io::Loop& loop, const StateFolders& folders,
                                     http::Handler api) {
  OpenDashboard opened;
  if (variable(kPort) == "off") return opened;
  TRY(auto token, observe::dashboard_token(folders.state / "dashboard.token"));
  std::vector<std::string> hosts;
  for (const auto host : split(variable("FAIRLEAD_DASHBOARD_HOSTS"), ','))
    if (!trim(host).empty()) hosts.push_back(to_lower(trim(host)));
  const auto host = variable("FAIRLEAD_DASHBOARD_LISTEN");
  TRY(auto socket, listen_on(host.empty() ? "127.0.0.1" : host));
  TRY(const auto address, io::local_address(socket.get()));
  opened.url = fmt::format("http://{}:{}/", hosts.empty() ? "localhost" : hosts[0], address.port());
  opened.server = std::make_unique<observe::Dashboard>(loop, std::move(api), std::move(token),
                                                       std::move(hosts));
  opened.server->serve(std::move(socket));
  return opened;
}

}  // namespace fairlead::cli
