#include "cli/doctor_door.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/cert_verb.h"
#include "control/client.h"
#include "harden/plan.h"
#include "io/address.h"
#include "io/loop.h"
#include "supervise/listening.h"

namespace fairlead::cli {

void check_certificates(Patient& patient) {
  if (!patient.status) return;
  const auto ask = [&]() -> Result<std::vector<control::CertificateStatus>> {
    TRY(const auto loop, io::Loop::create());
    control::ControlClient client(*loop, patient.folders.control_socket());
    TRY(const std::string text,
        io::block_on(*loop, client.get("/v1/certificates", io::Deadline::in(10s))));
    return control::certificates_from_json(text);
  };
  const auto all = ask();
  if (!all) return patient.bad("certificates", all.error().message(), "");
  for (const auto& certificate : *all) {
    const std::string wrong = complaint(certificate);
    const std::string name = certificate.host.empty() ? certificate.file : certificate.host;
    if (wrong.empty()) {
      patient.good("certificate",
                   fmt::format("{} until {}", name, rfc3339(certificate.until).substr(0, 10)));
    } else {
      patient.bad("certificate", fmt::format("{}: {}", name, wrong),
                  certificate.source == "acme" ? "fairlead cert renew " + name
                                               : "put a newer one in its place");
    }
  }
}

void check_ports(Patient& patient) {
  std::vector<std::uint16_t> ours = {22};
  if (patient.status) {
    for (const std::string& listener : patient.status->listeners) {
      const auto scheme = listener.find("://");
      const auto address = io::Address::parse(
          std::string_view(listener).substr(scheme == std::string::npos ? 0 : scheme + 3));
      if (address) ours.push_back(address->port());
    }
  }
  bool any = false;
  for (const std::uint16_t port : supervise::open_ports()) {
    if (std::ranges::find(ours, port) != ours.end()) continue;
    any = true;
    const auto owner = supervise::owner_of_port(port);
    patient.doubtful("open port",
                     fmt::format("{} is open to other machines{}", port,
                                 owner && owner->pid != 0
                                     ? fmt::format(": pid {} ({})", owner->pid, owner->command)
                                     : ""),
                     "let it listen on 127.0.0.1, or close the port: fairlead harden plan");
  }
  if (!any) patient.good("open ports", "SSH, HTTP and HTTPS alone");
}

void check_machine(Patient& patient) {
  // Users and their keys are the owner's business; who asks is not locked out by looking.
  harden::Session nobody;
  harden::Wishes wishes;
  const auto plan = harden::make_plan(wishes, nobody);
  if (!plan) return patient.doubtful("machine", plan.error().message(), plan.error().hint());
  if (plan->changes.empty())
    return patient.good("machine", "firewall, SSH, updates and kernel as 'fairlead harden' has it");
  std::size_t settings = 0;
  for (const auto& change : plan->changes)
    if (change.path.native().starts_with("proc/sys"))
      ++settings;
    else
      patient.doubtful("machine", "not so: " + change.what, "fairlead harden plan");
  if (settings > 0)
    patient.doubtful("machine", fmt::format("{} kernel settings could be safer", settings),
                     "fairlead harden plan");
}

}  // namespace fairlead::cli
