// Which shared libraries programs need, and where on this machine they are: as the dynamic loader
// would find them, without running anything (ld.so(8)).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace fairlead::ship {

struct ElfNeeds {
  std::string interpreter;             // "/lib64/ld-linux-x86-64.so.2"; "" for static programs
  std::vector<std::string> libraries;  // sonames
  std::vector<std::string> search;     // DT_RUNPATH or DT_RPATH, $ORIGIN already replaced
  std::uint16_t machine = 0;           // e_machine
};

// Nothing for a file that is not an ELF file of 64 bits. kInvalid for one that is damaged.
Result<std::optional<ElfNeeds>> elf_needs(const std::filesystem::path& file);

// Everything that these files need and that is not among them: path in an image → file here. The
// loader stands at its own path, libraries where the loader looks without being told, whatever
// folder they come from. kNotFound names a library that is not on this machine and who needs it.
Result<std::map<std::string, std::filesystem::path>> libraries_of(
    const std::vector<std::filesystem::path>& files);

}  // namespace fairlead::ship
