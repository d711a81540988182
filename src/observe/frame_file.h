// An append-only file of frames. A frame is there whole or not at all: what append() returned from
// survives the death of the process, a torn tail is cut when the file is opened again.
//
//   magic (8 bytes)  { length (4)  crc32 (4)  payload (length) } …
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fairlead::observe {

inline constexpr std::size_t kFrameHeader = 8;
inline constexpr std::size_t kMagicSize = 8;
inline constexpr std::size_t kLargestFrame = 16 << 20;

// One writer; reads by others go through read_frames() on their own descriptor or duplicate.
class FrameFile {
 public:
  // Called with each frame's payload and the offset of its header. The view lives for the call.
  using Visit = std::function<Result<>(std::string_view payload, std::uint64_t offset)>;

  // Opens the file, or makes it, and visits what is in it. Whatever follows the last whole frame is
  // cut off. kInvalid when the magic is another, or when `visit` finds a frame it cannot read.
  static Result<FrameFile> open(const std::filesystem::path& path, std::string_view magic,
                                const Visit& visit);

  // One write. When it fails (a full disk) the file is as before.
  Result<> append(std::string_view payload);
  // To the disk itself: for power cuts. Blocks.
  Result<> sync();

  std::uint64_t size() const { return size_; }
  std::uint64_t cut() const { return cut_; }  // bytes of a torn tail that open() cut off
  int fd() const { return fd_.get(); }

  FrameFile() = default;  // of no use until one is assigned

 private:
  FrameFile(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t cut_ = 0;
  std::string scratch_;
};

// Walks over the frames in `bytes` (a file's content after its magic, or a part that begins with a
// frame) and gives where the last whole one ends; `offset` is where `bytes` begin in the file.
// `check` compares checksums.
Result<std::size_t> read_frames(std::string_view bytes, std::uint64_t offset, bool check,
                                const FrameFile::Visit& visit);

// `size` bytes at `offset`; kProtocol when the file ends before.
Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size);
// All of `bytes` at the descriptor's place.
Result<> write_fully(int fd, std::string_view bytes);

}  // namespace fairlead::observe
