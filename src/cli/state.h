// Where a Fairlead keeps its things, and how a verb finds the one that runs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fairlead::cli {

// Two folders: what must last, and what ends with the machine's next boot.
//
//   state/                   runtime/ (short: a Unix socket's path has 107 bytes)
//     lock                     control.sock     the API
//     data/APP.db              web.1.sock …     FAIRLEAD_SOCKET of the replicas
//     observe/                 web.1.log …      FIFOs: stdout and stderr
//       logs/ metrics/         web.1.spool …    what came out of them and is not in the log yet
//     logs/                    web.1.pid …      records of what was started
//       APP/builds/1.log …     edge/            the edge's own folder
//     certificates/
//     access.log
struct StateFolders {
  std::filesystem::path state;    // absolute
  std::filesystem::path runtime;  // absolute
  std::string instance;           // eight hex digits that stand for the state folder

  std::filesystem::path control_socket() const { return runtime / "control.sock"; }
  std::filesystem::path logs() const { return state / "logs"; }  // of builds
  std::filesystem::path observe() const { return state / "observe"; }
};

// Eight hex digits that stand for a text: short, not secret, the same everywhere.
std::string short_name(std::string_view text);

// Which folders belong to this state folder; makes nothing.
StateFolders folders_of(const std::filesystem::path& state);
// Makes them, both for the owner alone. kDenied when the runtime folder belongs to someone else.
Result<> make_folders(const StateFolders& folders);

// Held by the one control of a state folder and its supervise::Sweeper, and by nobody after them.
class StateLock {
 public:
  // Waits while what is left of a control that has ended is being swept up; kExists names a holder
  // that lives.
  static Result<StateLock> take(const StateFolders& folders);

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

// Where `fairlead serve` keeps its state: `given`; else $FAIRLEAD_STATE; else /var/lib/fairlead for
// root, $XDG_STATE_HOME/fairlead (~/.local/state/fairlead) for others.
std::filesystem::path serve_state(const std::string& given);

// The state folder a verb is about: `given` (--state); else $FAIRLEAD_STATE; else .fairlead beside
// the fairlead.toml of `app`. Without `app`: the one beside the nearest fairlead.toml above the
// present folder if that runs, else that of `fairlead serve` if that runs; at last the only one of
// this user that runs.
Result<StateFolders> find_state(const std::string& given, const std::string& app);

}  // namespace fairlead::cli
