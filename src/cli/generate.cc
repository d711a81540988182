#include "cli/generate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fairlead::cli {

namespace {

bool is_path(const std::string& value) { return value == "DIR" || value == "FILE"; }

std::vector<std::string> option_words(const VerbText& verb) {
  std::vector<std::string> words;
  for (const auto& option : verb.options)
    words.insert(words.end(), option.names.begin(), option.names.end());
  return words;
}

// What may stand in the place of the first positional argument: choices, or the verbs for `help`.
std::vector<std::string> positional_words(const ProgramText& program, const VerbText& verb) {
  if (verb.positionals.empty()) return {};
  if (verb.positionals[0].value != "VERB") return verb.positionals[0].choices;
  std::vector<std::string> names;
  for (const auto& each : program.verbs) names.push_back(each.name);
  return names;
}

std::string usage(const VerbText& verb) {
  std::string text = "fairlead " + verb.name;
  if (!verb.options.empty()) text += " [OPTION]...";
  for (const auto& argument : verb.positionals)
    text += fmt::format(" [{}]{}", argument.value, argument.repeated ? "..." : "");
  return text;
}

std::string name_and_value(const OptionText& option) {
  std::string text = fmt::format("{}", fmt::join(option.names, ", "));
  if (!option.value.empty()) text += (option.names.empty() ? "" : " ") + option.value;
  return text;
}

constexpr std::pair<const char*, const char*> kVariables[] = {
    {"FAIRLEAD_HTTP_PORT", "The port for HTTP (default: 8080; 0: any free one)."},
    {"FAIRLEAD_HTTPS_PORT", "The port for HTTPS (default: 8443; 0: any free one)."},
    {"FAIRLEAD_STATE", "The state folder, where --state is not given."},
    {"NO_COLOR", "Set to anything: no colours."},
};
constexpr std::pair<const char*, const char*> kExitStatus[] = {
    {"0", "It was done."},
    {"1", "It failed; the reason is on standard error."},
    {"2", "The command line was not understood."},
};

}  // namespace

std::string bash_completion(const ProgramText& program) {
  std::string text =
      "# bash completion for fairlead; made by: fairlead completion bash\n"
      "_fairlead() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words= paths=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  std::vector<std::string> names;
  for (const auto& verb : program.verbs) names.push_back(verb.name);
  text += fmt::format("    words='{} --help --version'\n", fmt::join(names, " "));
  text += "  else\n    case $verb in\n";
  for (const auto& verb : program.verbs) {
    auto words = positional_words(program, verb);
    const bool paths = !verb.positionals.empty() && is_path(verb.positionals[0].value);
    const auto options = option_words(verb);
    words.insert(words.end(), options.begin(), options.end());
    text += fmt::format("      {}) words='{}'{} ;;\n", verb.name, fmt::join(words, " "),
                        paths ? " paths=1" : "");
  }
  text +=
      "    esac\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "  case ${COMP_WORDS[COMP_CWORD-1]} in --state|--app) paths=1 ;; esac\n"
      "  if [ -n \"$paths\" ] && [ \"${word#-}\" = \"$word\" ]; then\n"
      "    COMPREPLY+=($(compgen -f -- \"$word\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _fairlead fairlead\n";
  return text;
}

std::string zsh_completion(const ProgramText& program) {
  const auto quoted = [](std::string_view text) {
    std::string safe;
    for (const char c : text) {
      if (c == '\'') safe += "'\\'";
      if (c == '[' || c == ']' || c == ':') safe.push_back('\\');
      safe.push_back(c);
    }
    return safe;
  };
  std::string text =
      "#compdef fairlead\n"
      "# made by: fairlead completion zsh\n"
      "_fairlead() {\n"
      "  local -a verbs\n"
      "  verbs=(\n";
  for (const auto& verb : program.verbs)
    text += fmt::format("    '{}:{}'\n", verb.name, quoted(verb.description));
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $verb in\n";
  for (const auto& verb : program.verbs) {
    text += fmt::format("    {}) _arguments", verb.name);
    for (const auto& option : verb.options)
      for (const auto& name : option.names)
        text += fmt::format(" \\\n        '{}[{}]{}'", name, quoted(option.description),
                            option.value.empty()    ? ""
                            : is_path(option.value) ? fmt::format(":{}:_files", option.value)
                                                    : fmt::format(":{}:", option.value));
    for (const auto& argument : verb.positionals) {
      const auto words = positional_words(program, verb);
      text += fmt::format(" \\\n        '{}:{}:{}'", argument.repeated ? "*" : "", argument.value,
                          !words.empty()            ? fmt::format("({})", fmt::join(words, " "))
                          : is_path(argument.value) ? "_files"
                                                    : "");
    }
    text += " ;;\n";
  }
  text += "  esac\n}\n_fairlead \"$@\"\n";
  return text;
}

std::string fish_completion(const ProgramText& program) {
  const auto quoted = [](std::string_view text) {
    std::string safe;
    for (const char c : text) {
      if (c == '\'' || c == '\\') safe.push_back('\\');
      safe.push_back(c);
    }
    return "'" + safe + "'";
  };
  std::string text =
      "# fish completion for fairlead; made by: fairlead completion fish\n"
      "complete -c fairlead -f\n";
  for (const auto& verb : program.verbs) {
    text += fmt::format("complete -c fairlead -n __fish_use_subcommand -a {} -d {}\n", verb.name,
                        quoted(verb.description));
    const std::string here = fmt::format("-n '__fish_seen_subcommand_from {}'", verb.name);
    for (const auto& option : verb.options) {
      text += fmt::format("complete -c fairlead {}", here);
      for (const auto& name : option.names)
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.value.empty()) text += is_path(option.value) ? " -r -F" : " -x";
      text += fmt::format(" -d {}\n", quoted(option.description));
    }
    const auto words = positional_words(program, verb);
    if (!words.empty())
      text += fmt::format("complete -c fairlead {} -a '{}'\n", here, fmt::join(words, " "));
    else if (!verb.positionals.empty() && is_path(verb.positionals[0].value))
      text += fmt::format("complete -c fairlead {} -F\n", here);
  }
  return text;
}

std::string man_page(const ProgramText& program) {
  const auto escaped = [](std::string_view text) {
    std::string safe;
    for (const char c : text) {
      if (safe.empty() && (c == '.' || c == '\'')) safe += "\\&";
      if (c == '\\')
        safe += "\\e";
      else if (c == '-')
        safe += "\\-";
      else
        safe.push_back(c);
    }
    return safe;
  };
  std::string text = fmt::format(
      ".TH FAIRLEAD 1 \"\" \"fairlead {}\" \"User Commands\"\n"
      ".SH NAME\nfairlead \\- {}\n"
      ".SH SYNOPSIS\n.B fairlead\n.I VERB\n.RI [ OPTION ]...\n"
      ".SH VERBS\n",
      FAIRLEAD_VERSION, escaped(program.description));
  for (const auto& verb : program.verbs) {
    text += fmt::format(".SS {}\n{}.\n", escaped(usage(verb)), escaped(verb.description));
    for (const auto* list : {&verb.positionals, &verb.options})
      for (const auto& option : *list) {
        text += fmt::format(".TP\n.B {}\n{}.", escaped(name_and_value(option)),
                            escaped(option.description));
        if (!option.choices.empty())
          text += fmt::format(" One of: {}.", fmt::join(option.choices, ", "));
        text += "\n";
      }
  }
  text += ".SH ENVIRONMENT\n";
  for (const auto& [name, description] : kVariables)
    text += fmt::format(".TP\n.B {}\n{}\n", name, escaped(description));
  text += ".SH EXIT STATUS\n";
  for (const auto& [name, description] : kExitStatus)
    text += fmt::format(".TP\n.B {}\n{}\n", name, escaped(description));
  return text;
}

std::string markdown(const ProgramText& program) {
  std::string text = fmt::format(
      "# fairlead: the command line\n\n`fairlead` {}. Made from the definitions that parse the "
      "command line\n(`tests/e2e/command_line_test.py` keeps it so). Data goes to stdout, progress "
      "and "
      "errors to stderr.\n",
      program.description);
  for (const auto& verb : program.verbs) {
    text += fmt::format("\n## {}\n\n{}.\n\n    {}\n\n", verb.name, verb.description, usage(verb));
    text += "| option | what |\n|---|---|\n";
    for (const auto* list : {&verb.positionals, &verb.options})
      for (const auto& option : *list) {
        text += fmt::format("| `{}` | {}", name_and_value(option), option.description);
        if (!option.choices.empty()) text += fmt::format(": {}", fmt::join(option.choices, ", "));
        text += " |\n";
      }
  }
  text += "\n## Environment\n\n| variable | what |\n|---|---|\n";
  for (const auto& [name, description] : kVariables)
    text += fmt::format("| `{}` | {} |\n", name, description);
  text += "\n## Exit status\n\n| status | what |\n|---|---|\n";
  for (const auto& [name, description] : kExitStatus)
    text += fmt::format("| {} | {} |\n", name, description);
  return text;
}

std::string help_of(std::string_view name) {
  const auto program = describe_program();
  std::string text;
  const auto line = [&](std::string_view left, std::string_view right) {
    text += fmt::format("  {:<20} {}\n", left, right);
  };
  for (const auto& verb : program.verbs) {
    if (verb.name != name) continue;
    text += fmt::format("{}.\n\nUsage: {}\n\n", verb.description, usage(verb));
    for (const auto* list : {&verb.positionals, &verb.options})
      for (const auto& option : *list) line(name_and_value(option), option.description);
    return text;
  }
  text = fmt::format("fairlead {}.\n\nUsage: fairlead VERB [OPTION]...\n\n", program.description);
  for (const auto& verb : program.verbs) line(verb.name, verb.description);
  text += "\nEnvironment:\n";
  for (const auto& [variable, description] : kVariables) line(variable, description);
  return text + "\n'fairlead help VERB' says more of one.\n";
}

int print_completion(std::string_view shell) {
  const auto program = describe_program();
  fmt::print("{}", shell == "bash"  ? bash_completion(program)
                   : shell == "zsh" ? zsh_completion(program)
                                    : fish_completion(program));
  return 0;
}

int print_man_page(bool as_markdown) {
  const auto program = describe_program();
  fmt::print("{}", as_markdown ? markdown(program) : man_page(program));
  return 0;
}

}  // namespace fairlead::cli
