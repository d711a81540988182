// The dashboard at the control address: its page, and the control API for it, over TCP.
//
// Whoever reaches the address may look; changing something needs the token. The address is loopback
// unless the operator says otherwise. Requests under a foreign name are refused, so that no web
// page elsewhere can have a browser ask here (DNS rebinding), and no cookie exists that one could
// use.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "http/server.h"

namespace fairlead::observe {

class Dashboard {
 public:
  // `api` answers what the control API answers (whoever asks here has been checked); `hosts` are
  // names besides localhost under which it may be asked. Loop and API outlive it.
  Dashboard(io::Loop& loop, http::Handler api, std::string token, std::vector<std::string> hosts);

  void serve(UniqueFd listening_socket);
  io::Task<void> stop();

 private:
  io::Task<void> answer(http::Exchange& exchange);
  bool is_ours(std::string_view host) const;
  bool is_signed_in(const http::Request& request) const;

  http::Handler api_;
  const std::string token_;
  const std::vector<std::string> hosts_;
  http::Server server_;
};

// The token in that file; made, for the owner's eyes alone, where there is none.
Result<std::string> dashboard_token(const std::filesystem::path& file);

}  // namespace fairlead::observe
