// What control tells of certificates.
//
//   GET /v1/certificates             a list of CertificateStatus as JSON
//   PUT /v1/certificates/HOST/renew  asks for a new one now; answers when that is done
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "http/router.h"

namespace fairlead::control {

struct CertificateStatus {
  std::string host;    // or what it is for: "localhost"
  std::string source;  // "acme", "file", "self-signed"
  std::string file;
  std::string issuer;
  WallTime from, until;  // the epoch if there is no certificate yet
  WallTime renewal;      // when the next try is due; the epoch for none
  std::string error;     // why the last try failed; "" if it did not
};

std::string to_json(const std::vector<CertificateStatus>& certificates);
Result<std::vector<CertificateStatus>> certificates_from_json(std::string_view text);

struct CertificateHandlers {
  std::function<std::vector<CertificateStatus>()> list;
  // kNotFound for a host without a certificate from ACME.
  std::function<io::Task<Result<>>(std::string host)> renew;
};
void add_certificate_routes(http::Router& router, CertificateHandlers handlers);

}  // namespace fairlead::control
