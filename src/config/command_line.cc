#include "config/command_line.h"

#include "base/strings.h"

namespace fairlead::config {

std::vector<std::string> command_line(std::string_view text) {
  if (text.find_first_of("|&;<>()$`\\\"'*?[]#~=%!{}\n") != std::string_view::npos)
    return {"/bin/sh", "-c", std::string(text)};
  std::vector<std::string> words;
  for (const auto word : split(text, ' '))
    if (const auto trimmed = trim(word); !trimmed.empty()) words.emplace_back(trimmed);
  // What the shell would do with it is done anyway.
  if (words.size() > 1 && words[0] == "exec") words.erase(words.begin());
  return words;
}

}  // namespace fairlead::config
