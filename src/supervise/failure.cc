#include "supervise/failure.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::supervise {

namespace {

std::string what_the_probe_saw(const control::ProbeEvidence& probe) {
  if (probe.status == 0)
    return fmt::format("{} on {} got no answer ({})", probe.request, probe.address, probe.error);
  return fmt::format("{} on {} answered {}{}", probe.request, probe.address, probe.status,
                     probe.location.empty() ? "" : fmt::format(" to {}", probe.location));
}

// Not ready in time: the cause and the next step depend on what the probe saw.
void describe_unready(const Facts& facts, control::Failure& failure) {
  const std::string& type = facts.spec.type;
  failure.kind = control::FailureKind::kNotReady;
  failure.cause = fmt::format("not ready within {}", human(facts.spec.start_timeout));
  if (!facts.probe) return;
  failure.cause += fmt::format(": {}", what_the_probe_saw(*facts.probe));
  if (facts.probe->status >= 300 && facts.probe->status < 400) {
    failure.next_step = fmt::format(
        "let 'health' in [processes.{}] name a path that answers 2xx itself; a redirect is not "
        "followed",
        type);
  } else if (facts.probe->status != 0) {
    failure.next_step = fmt::format("make {} answer 2xx, or change 'health' in [processes.{}]",
                                    facts.spec.health, type);
  } else if (std::ranges::any_of(facts.listening, [&](const std::string& address) {
               return address.ends_with(fmt::format(":{}", facts.port));
             })) {
    failure.cause += "; it listens there, and does not answer";
    failure.next_step =
        fmt::format("find out what {} waits for, or raise 'start_timeout' in [processes.{}]",
                    facts.spec.health.empty() ? "it" : facts.spec.health, type);
  } else if (!facts.listening.empty()) {
    failure.kind = control::FailureKind::kWrongPort;
    failure.cause += fmt::format("; it listens on {}", fmt::join(facts.listening, ", "));
    failure.next_step =
        fmt::format("make it listen on 127.0.0.1 and the port in PORT ({})", facts.port);
  } else {
    failure.cause += "; it listens on no port";
    failure.next_step = fmt::format(
        "make it listen on the port in PORT, or raise 'start_timeout' in [processes.{}]", type);
  }
}

}  // namespace

control::Failure describe(Facts facts) {
  control::Failure failure;
  const std::string& type = facts.spec.type;
  failure.at = wall_now();
  failure.out_of_memory = facts.out_of_memory;
  failure.memory_peak = facts.memory_peak;
  if (!facts.was_ready) failure.probe = facts.probe;
  if (facts.exit) {
    failure.exit_code = facts.exit->code;
    failure.signal = facts.exit->signal;
  }

  if (facts.out_of_memory) {
    failure.kind = control::FailureKind::kOutOfMemory;
    failure.cause = fmt::format("out of memory: the kernel killed it at its limit of {} after {}",
                                human_bytes(facts.spec.command.limits.memory), human(facts.lived));
    failure.next_step = fmt::format("raise 'memory' in [processes.{}], or make it use less", type);
  } else if (facts.exit) {
    failure.kind = control::FailureKind::kExited;
    failure.cause = fmt::format("{} after {}{}", facts.exit->to_string(), human(facts.lived),
                                facts.was_ready ? "" : ", before it was ready");
    failure.next_step = fmt::format("look at its log: fairlead logs {}", facts.spec.command.name);
  } else if (facts.error && facts.error->code() == Code::kTimeout) {
    describe_unready(facts, failure);
  } else if (facts.error) {
    failure.cause = facts.error->message();
    failure.next_step = fmt::format("check 'command' in [processes.{}]", type);
  }
  failure.listening = std::move(facts.listening);
  failure.last_lines = std::move(facts.last_lines);
  return failure;
}

}  // namespace fairlead::supervise
