// What an app's [tls] means: certificates of one's own, and those that ACME is asked for.
#pragma once

#include <filesystem>
#include <vector>

#include "acme/keeper.h"
#include "config/app_spec.h"

namespace fairlead::cli {

// The hosts of the app's routes that an authority can be asked about: no wildcards, nothing that
// only this machine knows.
std::vector<acme::Wanted> wanted_certificates(const config::AppSpec& app);

// The pair of files that [tls] names, below `root` unless they are absolute; nothing without.
std::vector<control::CertificateSpec> own_certificates(const config::AppSpec& app,
                                                       const std::filesystem::path& root);

// The list for a snapshot: own ones first, as the first is shown to whoever names no host, then
// those from ACME, then `fallback` (self-signed), then proofs for an ACME server.
std::vector<control::CertificateSpec> all_certificates(std::vector<control::CertificateSpec> own,
                                                       const acme::Keeper& keeper,
                                                       const control::CertificateSpec& fallback);

// Those of the list above that no authority keeps for us, for `fairlead cert list`.
std::vector<control::CertificateStatus> other_certificates(
    const std::vector<control::CertificateSpec>& own, const control::CertificateSpec& fallback);

// The files that are shown: what an alert about their end looks at.
std::vector<std::filesystem::path> files_of(
    const std::vector<control::CertificateStatus>& certificates);

}  // namespace fairlead::cli
