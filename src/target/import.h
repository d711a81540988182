// From what somebody has to a fairlead.toml, and a report of what did not come along. Pure text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "target/target.h"

namespace fairlead::target {

struct Imported {
  std::string toml;         // of a file that 'fairlead check' accepts
  std::vector<Note> notes;  // subject: the key of what was read: "services.web.volumes"
};

// `file` is for messages and comments; `name` is the app's where the file has none. kInvalid, with
// file and line, for what is no YAML, or no Compose file.
Result<Imported> import_compose(std::string_view text, std::string_view file,
                                std::string_view name);
Result<Imported> import_procfile(std::string_view text, std::string_view file,
                                 std::string_view name);

// A text as a DNS label, which names of apps and processes are: "My_App" is "my-app".
std::string as_label(std::string_view text);
// As a string of TOML, in quotes.
std::string toml_text(std::string_view text);

}  // namespace fairlead::target
