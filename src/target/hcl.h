// Values of Terraform's language, as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/app_spec.h"

namespace fairlead::target {

// In double quotes; "${" and "%{" stand for themselves.
std::string hcl_text(std::string_view text);
std::string hcl_list(const std::vector<std::string>& texts);
std::string hcl_map(const config::Variables& variables);

}  // namespace fairlead::target
