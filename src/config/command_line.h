// How a command of fairlead.toml is run, here and wherever it is rendered for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fairlead::config {

// Its words, where no word needs a shell; otherwise /bin/sh with it.
std::vector<std::string> command_line(std::string_view text);

}  // namespace fairlead::config
