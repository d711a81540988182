// Texts made from the definitions of the command line: completions, man page, docs/cli.md.
#pragma once

#include <string>
#include <string_view>

#include "cli/verbs.h"

namespace fairlead::cli {

std::string bash_completion(const ProgramText& program);
std::string zsh_completion(const ProgramText& program);
std::string fish_completion(const ProgramText& program);
std::string man_page(const ProgramText& program);
std::string markdown(const ProgramText& program);  // docs/cli.md

// What `help` says: of one verb, or with "" of all.
std::string help_of(std::string_view verb);
// Print them; the exit status.
int print_completion(std::string_view shell);
int print_man_page(bool as_markdown);

}  // namespace fairlead::cli
