#include "cli/tls_setup.h"

#include <algorithm>

#include "io/address.h"
#include "io/tls.h"

namespace fairlead::cli {

namespace {

constexpr const char* kLetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";

bool is_public(const std::string& host) {
  return !host.empty() && !host.starts_with('*') && host != "localhost" &&
         !host.ends_with(".localhost") && host.find('.') != std::string::npos &&
         !io::Address::ip(host, 0);
}

control::CertificateStatus status_of(const control::CertificateSpec& spec, const char* source) {
  control::CertificateStatus status{.source = source, .file = spec.certificate};
  const auto facts = io::certificate_facts(spec.certificate);
  if (!facts) {
    status.error = facts.error().message();
    return status;
  }
  status.host = facts->names.empty() ? "" : facts->names.front();
  status.from = facts->from;
  status.until = facts->until;
  status.issuer = facts->issuer;
  return status;
}

}  // namespace

std::vector<acme::Wanted> wanted_certificates(const config::AppSpec& app) {
  const config::TlsSpec& tls = app.tls;
  std::vector<acme::Wanted> wanted;
  if (tls.acme.empty()) return wanted;
  for (const config::RouteSpec& route : app.routes) {
    const bool known = std::ranges::any_of(
        wanted, [&](const acme::Wanted& each) { return each.order.host == route.host; });
    if (known || !is_public(route.host)) continue;
    wanted.push_back({.order = {.directory = tls.acme == "letsencrypt" ? kLetsEncrypt : tls.acme,
                                .email = tls.email,
                                .host = route.host,
                                .challenge = tls.challenge == config::AcmeChallenge::kHttp
                                                 ? acme::ChallengeType::kHttp
                                                 : acme::ChallengeType::kTlsAlpn},
                      .ca_file = tls.acme_ca});
  }
  return wanted;
}

std::vector<control::CertificateSpec> own_certificates(const config::AppSpec& app,
                                                       const std::filesystem::path& root) {
  if (app.tls.certificate.empty()) return {};
  return {{.certificate = root / app.tls.certificate, .key = root / app.tls.key}};
}

std::vector<control::CertificateSpec> all_certificates(std::vector<control::CertificateSpec> own,
                                                       const acme::Keeper& keeper,
                                                       const control::CertificateSpec& fallback) {
  std::ranges::move(keeper.certificates(), std::back_inserter(own));
  own.push_back(fallback);
  std::ranges::move(keeper.proofs(), std::back_inserter(own));
  return own;
}

std::vector<control::CertificateStatus> other_certificates(
    const std::vector<control::CertificateSpec>& own, const control::CertificateSpec& fallback) {
  std::vector<control::CertificateStatus> all;
  for (const auto& spec : own) all.push_back(status_of(spec, "file"));
  all.push_back(status_of(fallback, "self-signed"));
  return all;
}

std::vector<std::filesystem::path> files_of(
    const std::vector<control::CertificateStatus>& certificates) {
  std::vector<std::filesystem::path> files;
  for (const auto& certificate : certificates)
    if (certificate.until != WallTime{}) files.emplace_back(certificate.file);
  return files;
}

}  // namespace fairlead::cli
