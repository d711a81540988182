// How a notice reaches people: a webhook, a Slack-compatible one, or e-mail.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "observe/metric_series.h"

namespace fairlead::observe {

struct Notice {
  enum Kind : std::uint8_t { kFiring, kResolved, kTest };
  std::string id;  // the same for all targets and all attempts
  Kind kind = kTest;
  std::string rule;
  std::string severity;
  MetricLabels labels;
  std::string summary;
  WallTime since{};  // when the condition began
  WallTime at{};     // when the notice was made
};
std::string_view to_string(Notice::Kind kind);  // "firing", "resolved", "test"
// "[firing] error-rate app=shop environment=production: 7.3% of 1200 requests failed in 5m 0s"
std::string headline(const Notice& notice);

// POST of {"id","kind","rule","severity","labels":{},"summary","since","at"}; any 2xx is a yes.
struct Webhook {
  std::string url;
};
// POST of {"text": headline}.
struct SlackHook {
  std::string url;
};
struct Email {
  std::string server;          // "smtp://host:587" (STARTTLS where offered), "smtps://host"
  std::string user, password;  // "" for none
  std::string from;            // an address
  std::vector<std::string> to;
  bool tls_required = true;  // refuse to send in the clear
};

struct AlertTarget {
  std::string name;  // unique
  std::variant<Webhook, SlackHook, Email> how;
  MetricLabels only = {};  // of an alert that has these labels, none with another value
};

// Sends it; blocks for 15 seconds at most. kUnavailable or kTimeout when another attempt may help,
// kInvalid when the target refuses it for good. Errors never contain the URL or the password, which
// are secrets.
Result<> send(const AlertTarget& target, const Notice& notice);

}  // namespace fairlead::observe
