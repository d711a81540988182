#include "ship/elf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace fairlead::ship {
namespace {

namespace fs = std::filesystem;

TEST(Elf, KnowsWhatAProgramNeeds) {
  const auto self = elf_needs(fs::read_symlink("/proc/self/exe"));
  ASSERT_TRUE(self && *self);
  EXPECT_TRUE((*self)->interpreter.starts_with("/lib"));
  EXPECT_EQ(std::ranges::count((*self)->libraries, "libc.so.6"), 1);
}

TEST(Elf, FindsLibrariesOfLibraries) {
  const auto found = libraries_of({fs::read_symlink("/proc/self/exe")});
  ASSERT_TRUE(found) << found.error().message();
  unsigned loaders = 0;
  for (const auto& [place, file] : *found) {
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(file))) << file;
    loaders += place.contains("/ld-linux");
    const auto needs = elf_needs(file);
    ASSERT_TRUE(needs && *needs) << file;
    for (const auto& name : (*needs)->libraries)
      EXPECT_TRUE(std::ranges::any_of(*found, [&](const auto& one) {
        return one.first.ends_with("/" + name);
      })) << name;
  }
  EXPECT_EQ(loaders, 1u);
}

TEST(Elf, LeavesOtherFilesAlone) {
  const auto needs = elf_needs("/etc/passwd");
  ASSERT_TRUE(needs);
  EXPECT_FALSE(*needs);
  EXPECT_TRUE(libraries_of({"/etc/passwd"})->empty());
}

TEST(Elf, RefusesOneThatIsCutOff) {
  auto text = read_file("/proc/self/exe", 1u << 30).value();
  const fs::path file = fs::path(testing::TempDir()) / "cut-off-program";
  // Whole head, no segments; then half of everything.
  for (const std::size_t size : {std::size_t{64}, std::size_t{300}}) {
    ASSERT_TRUE(write_file_atomically(file, std::string_view(text).substr(0, size)));
    EXPECT_FALSE(elf_needs(file)) << size;
  }
  fs::remove(file);
}

}  // namespace
}  // namespace fairlead::ship
