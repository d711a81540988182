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
Result<io::Address> listen_address(const char* name, std::uint16_t standard);

// The self-signed certificate for these names, made when there is none for them or it ends soon.
Result<control::CertificateSpec> self_signed(const StateFolders& folders,
                                             const config::AppSpec& app);

// Routes of the `up` form: the app's own, and each again for every other host, so that localhost
// works without any.
std::vector<control::Route> routes_of(const supervise::Environment& environment);

}  // namespace fairlead::cli
