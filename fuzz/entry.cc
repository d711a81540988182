// The entry point of one libFuzzer program; the target's name comes from CMakeLists.txt.
#include <cstddef>
#include <cstdint>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fairlead::fuzz::FAIRLEAD_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
