// What `fairlead doctor` looks at where the world comes in: certificates, ports, the machine
// itself.
#pragma once

#include "cli/doctor.h"

namespace fairlead::cli {

void check_certificates(Patient& patient);
void check_ports(Patient& patient);
// What `fairlead harden` would change.
void check_machine(Patient& patient);

}  // namespace fairlead::cli
