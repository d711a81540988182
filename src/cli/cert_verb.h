#pragma once

#include <string>

#include "control/certificates.h"

namespace fairlead::cli {

struct CertOptions {
  std::string action;  // "list", "check", "renew"
  std::string host;
  std::string app;
  std::string state;
  bool json = false;
};

// What is wrong with a certificate; "" for nothing.
std::string complaint(const control::CertificateStatus& certificate);

// `fairlead cert`: the certificates that the edge shows.
int run_cert(const CertOptions& options);

}  // namespace fairlead::cli
