#pragma once

#include <string>
#include <vector>

namespace fairlead::cli {

// The command line as its users see it: what help, the man page, the completions and docs/cli.md
// are made from. Taken from the same definitions that parse.
struct OptionText {
  std::vector<std::string> names;  // "-f", "--follow"; empty for a positional argument
  std::string value;               // "DIR"; "" for a flag
  std::string description;
  std::vector<std::string> choices;
  bool repeated = false;
};

struct VerbText {
  std::string name;
  std::string description;
  std::vector<OptionText> positionals;
  std::vector<OptionText> options;
};

struct ProgramText {
  std::string description;
  std::vector<VerbText> verbs;
};

ProgramText describe_program();

// Runs what the command line says; gives the exit status: 0 done, 1 failed, 2 not understood.
int run_command_line(int argc, char** argv);

}  // namespace fairlead::cli
