// From what a fairlead.toml says about alerts to rules and targets.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/app_spec.h"
#include "observe/alert_rules.h"
#include "observe/alert_sender.h"

namespace fairlead::observe {

// What is watched for an app: the default rules as far as they are about an app and are not muted,
// with the app's own limits, then its own rules. Named as in the file.
std::vector<AlertRule> app_alert_rules(const config::AppSpec& app);

// Whom an app's notices go to. A value "$NAME" in the file stands for that variable, so that a URL
// or password that is secret need not stand there; one that is not set leaves its target out, and
// `missing` tells of it.
std::vector<AlertTarget> alert_targets(const config::AppSpec& app,
                                       const std::map<std::string, std::string>& variables,
                                       std::vector<std::string>& missing);

// What is watched of the machine: disks, certificates.
std::vector<AlertRule> machine_alert_rules();

}  // namespace fairlead::observe
