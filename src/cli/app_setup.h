// What an app needs before its first process starts, in the `up` form: variables, ports, a
// certificate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/state.h"
#include "config/app_spec.h"
#include "control/snapshot.h"
#include "supervise/environment.h"

namespace fairlead::cli {

// The folder that the app's paths are relative to and its commands run in.
std::filesystem::path root_of(const config::AppSpec& app);

// What every process of the app gets: the shell's variables (which win, so that
// `DATABASE_URL=… fairlead up` does what it says), then [env], then DATABASE_URL for a SQLite file
// in the state folder where nothing else names a store.
supervise::Variables variables_of(const config::AppSpec& app, const StateFolders& folders);

// The address for a listener: the port in the variable `name`, or `standard`; 0 is any free one. A
// port that is taken is an error that names its owner and the variable.
Result<io::Address> listen_address(const char* name, std::uint16_t standard,
                                   std::string_view host = "127.0.0.1");

// The self-signed certificate for localhost and these hosts, made when there is none for them or it
// ends soon.
Result<control::CertificateSpec> self_signed(const StateFolders& folders,
                                             const std::vector<std::string>& hosts);

// The app's routes. With `any_host`, as `up` wants it, each again for every other host, so that
// localhost works without any.
std::vector<control::Route> routes_of(const supervise::Environment& environment, bool any_host);

}  // namespace fairlead::cli
