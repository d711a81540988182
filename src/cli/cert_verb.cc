#include "cli/cert_verb.h"

#include <fmt/format.h>

#include "cli/state.h"
#include "cli/terminal.h"
#include "control/certificates.h"
#include "control/client.h"
#include "http/message.h"

namespace fairlead::cli {

namespace {

using control::CertificateStatus;

constexpr Duration kOrder = std::chrono::minutes(6);
// Renewed by itself a certificate never comes so near to its end.
constexpr Duration kSoon = std::chrono::hours(24 * 14);

std::string date(WallTime time) { return time == WallTime{} ? "-" : rfc3339(time).substr(0, 10); }

void show(const std::vector<CertificateStatus>& all) {
  fmt::print("{:<30} {:<12} {:<11} {:<11} {}\n", "HOST", "FROM", "ENDS", "RENEWAL", "ISSUER");
  for (const auto& each : all) {
    fmt::print("{:<30} {:<12} {:<11} {:<11} {}\n", each.host, each.source, date(each.until),
               date(each.renewal), each.issuer);
    if (!each.error.empty()) fmt::print("    {}\n", each.error);
  }
}

Result<bool> check(const std::vector<CertificateStatus>& all) {
  bool good = true;
  for (const auto& each : all) {
    const std::string wrong = complaint(each);
    good = good && wrong.empty();
    fmt::print("{} {}{}{}\n", wrong.empty() ? "ok   " : "WRONG", each.host,
               wrong.empty() ? "" : ": ", wrong);
  }
  return good;
}

Result<bool> run(const CertOptions& options) {
  TRY(const StateFolders folders, find_state(options.state, options.app));
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders.control_socket());
  if (options.action == "renew") {
    if (options.host.empty())
      return fail(Error(Code::kInvalid, "of which host?").hint("fairlead cert renew example.com"));
    const std::string target =
        fmt::format("/v1/certificates/{}/renew", http::percent_encode(options.host));
    TRY_VOID(io::block_on(*loop, client.put(target, "{}", io::Deadline::in(kOrder))));
    fmt::print("{} has a new certificate\n", options.host);
    return true;
  }
  TRY(const std::string text,
      io::block_on(*loop, client.get("/v1/certificates", io::Deadline::in(10s))));
  TRY(auto all, control::certificates_from_json(text));
  if (!options.host.empty())
    std::erase_if(all, [&](const auto& each) { return each.host != options.host; });
  if (options.json) {
    fmt::print("{}", control::to_json(all));
    return true;
  }
  if (options.action == "check") return check(all);
  show(all);
  return true;
}

}  // namespace

std::string complaint(const CertificateStatus& certificate) {
  if (!certificate.error.empty()) return certificate.error;
  if (certificate.until == WallTime{}) return "there is none yet";
  if (certificate.until <= wall_now()) return "it has ended";
  const Duration life = certificate.until - certificate.from;
  if (certificate.until - wall_now() < std::min<Duration>(kSoon, life / 4))
    return "it ends in " + human(certificate.until - wall_now());
  return "";
}

int run_cert(const CertOptions& options) {
  const auto good = run(options);
  if (!good) print_error(good.error());
  return good.value_or(false) ? 0 : 1;
}

}  // namespace fairlead::cli
