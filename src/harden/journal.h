// What was there before, kept until it is undone.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace fairlead::harden {

// One thing that is about to be changed, as it is now.
struct Former {
  enum class Kind : std::uint8_t { kFile, kUser, kPackage };
  Kind kind = Kind::kFile;
  std::string path;                  // kFile: below the root; else the name
  std::optional<std::string> bytes;  // kFile: nothing if there was none
  unsigned mode = 0644;
  unsigned uid = 0, gid = 0;
  std::string ours;    // kFile: what harden writes there
  std::string folder;  // kFile: the topmost folder that has to be made for it; "" for none
};

// Applications, one above the other; the last is undone first. In "var/lib/fairlead/harden" below
// the root, for root's eyes only. Everything is on disk before a change is made.
class Journal {
 public:
  explicit Journal(const std::filesystem::path& root);

  // A new application that is not confirmed yet.
  Result<> begin(const std::vector<Former>& formers);
  // The last one's; kNotFound without any.
  Result<std::vector<Former>> last() const;
  Result<> forget_last();

  bool confirmed() const;
  Result<> confirm();  // kNotFound if nothing waits for it

 private:
  std::size_t count() const;
  std::filesystem::path file(std::size_t number) const;
  std::filesystem::path folder_;
};

}  // namespace fairlead::harden
