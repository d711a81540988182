// The secrets of one environment: encrypted at rest, versioned, pinned by releases.
//
//   DIR/key                 256 random bits in hex, mode 0600: keep a copy elsewhere, nothing else
//   can open the file DIR/ENVIRONMENT.secrets  a JSON document, sealed (sealed_file.h) with that
//   key for that environment
//
// Values exist in memory while they are set or handed to a replica; they are in no argument, no
// log, no artifact.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace fairlead::ship {

// Name to version: what a release was made with.
using SecretPins = std::map<std::string, unsigned>;
using SecretValues = std::vector<std::pair<std::string, std::string>>;

struct SecretInfo {
  std::string name;
  unsigned version = 0;  // counts up with each change
  std::string set_at;    // RFC 3339
};

// Blocking; one process writes (control). Every change is on disk when the call returns.
class Secrets {
 public:
  // Makes the folder (0700) and the key when they are missing. kDenied when the key is readable by
  // others; kInvalid when the file was made with another key, or damaged.
  static Result<Secrets> open(std::filesystem::path folder, std::string environment);

  // A new version of each, all in one change. Names are those of environment variables; values are
  // UTF-8 without NUL.
  Result<> set(const SecretValues& values);
  // Takes it out of later releases; versions that `keep` pins stay readable until prune().
  // kNotFound if there is none.
  Result<> unset(const std::string& name);
  std::vector<SecretInfo> list() const;  // current ones; never a value
  SecretPins current() const;
  // kNotFound names a version that is gone.
  Result<SecretValues> values(const SecretPins& pins) const;
  // Forgets all versions that are neither current nor in one of `pinned`.
  Result<> prune(const std::vector<SecretPins>& pinned);
  // Encrypts the file with a new key. Every environment's file of the folder is done in the same
  // call.
  static Result<> rotate_key(const std::filesystem::path& folder);

 private:
  struct Entry {
    unsigned latest = 0;
    bool set = false;
    struct Value {
      std::string text;
      std::string set_at;
    };
    std::map<unsigned, Value> versions;
  };
  using Entries = std::map<std::string, Entry>;

  Secrets(std::filesystem::path folder, std::string environment)
      : folder_(std::move(folder)), environment_(std::move(environment)) {}
  Result<> save(Entries entries);
  static std::string to_json(const Entries& entries);
  static Result<Entries> from_json(std::string_view text);

  std::filesystem::path folder_;
  std::string environment_;
  Entries entries_;
};

// "NAME=value" lines as in a .env file: blank lines and # comments skipped, quotes taken off ('…'
// as it is, "…" with
// \n \t \\ \"). kInvalid names the line.
Result<SecretValues> parse_dotenv(std::string_view text);

}  // namespace fairlead::ship
