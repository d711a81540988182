// A segment: a stretch of the log in one file. It begins as a raw file that grows frame by frame,
// and is sealed when it is large or old enough: its frames compressed in blocks, with a word
// filter.
//
//   N.raw   magic, frames (frame_file.h, log_frame.h); N is the sequence of its first line
//   N.log   magic, blocks (zstd of a run of frames), word filter (log_filter.h), directory
//   (streams,
//           blocks), footer { directory offset (8) size (4) crc32 (4) magic (8) }
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "observe/frame_file.h"
#include "observe/log_filter.h"
#include "observe/log_frame.h"

namespace fairlead::observe {

using LabelsPtr = std::shared_ptr<const LogLabels>;

// A run of whole frames of about kBlockSize bytes: what is compressed, read and searched together.
struct Block {
  static constexpr std::size_t kBlockSize = 256 << 10;

  std::uint64_t offset = 0;  // in its file
  std::uint64_t size = 0;    // in its file
  std::uint64_t raw_size = 0;
  std::uint64_t first = 0;  // sequence of its first line
  std::uint64_t lines = 0;
  std::int64_t earliest = INT64_MAX;  // times of its lines, µs
  std::int64_t latest = INT64_MIN;

  std::uint64_t end() const { return first + lines; }
  // Takes in what a frame says; the frame's offset and size are the caller's.
  void add_line(std::int64_t microseconds) {
    ++lines;
    earliest = std::min(earliest, microseconds);
    latest = std::max(latest, microseconds);
  }
};

// What a search sees of a segment. Immutable; any thread.
class SegmentView {
 public:
  virtual ~SegmentView() = default;
  const std::vector<Block>& blocks() const { return blocks_; }
  // By number within the segment.
  const std::vector<LabelsPtr>& streams() const { return streams_; }
  std::uint64_t first() const { return blocks_.empty() ? 0 : blocks_.front().first; }
  std::uint64_t end() const { return blocks_.empty() ? 0 : blocks_.back().end(); }

  // The blocks in which `word` may be.
  virtual Result<BlockSet> with(WordHash word) const = 0;
  // The frames of a block.
  virtual Result<std::string> read(const Block& block) const = 0;

 protected:
  std::vector<Block> blocks_;
  std::vector<LabelsPtr> streams_;
};

// A segment that is being written, or waits to be sealed. Not thread-safe; view() gives readers
// what there is now.
class RawSegment {
 public:
  static constexpr std::string_view kMagic = "FLLOGr01";
  // Told of every position found in a segment that is opened again.
  using OnPosition = std::function<void(std::string_view source, std::uint64_t position)>;

  static Result<RawSegment> open(const std::filesystem::path& path, std::uint64_t first,
                                 const OnPosition& on_position);

  // The number of a stream in this segment; for a new one `frame` gets its definition.
  std::uint64_t stream_number(const LabelsPtr& labels, FrameBuilder& frame);
  // Puts the frame, whose lines lie between the two times, at the end of the file.
  Result<> append(const FrameBuilder& frame, std::uint64_t lines, std::int64_t earliest,
                  std::int64_t latest);
  std::shared_ptr<const SegmentView> view() const;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t next() const { return next_; }  // the sequence that its next line will have
  std::uint64_t size() const { return file_.size(); }
  bool empty() const { return blocks_.empty(); }
  std::uint64_t cut() const { return file_.cut(); }
  int fd() const { return file_.fd(); }
  Instant opened() const { return opened_; }

 private:
  RawSegment(std::filesystem::path path, FrameFile file, std::uint64_t first)
      : path_(std::move(path)), file_(std::move(file)), next_(first) {}
  static Result<> visit(RawSegment& segment, std::string_view payload, std::uint64_t offset,
                        const OnPosition& on_position);
  Block& block_for(std::uint64_t offset, std::uint64_t size, std::uint64_t first);

  std::filesystem::path path_;
  FrameFile file_;
  std::uint64_t next_;
  Instant opened_ = now();
  std::vector<Block> blocks_;
  std::vector<LabelsPtr> streams_;
  std::map<LabelsPtr, std::uint64_t, std::owner_less<LabelsPtr>> numbers_;
};

// Writes the sealed form of `raw` to `path`: through a temporary file and to the disk, so that it
// is there whole or not at all.
Result<> seal(const SegmentView& raw, const std::filesystem::path& path);

class SealedSegment : public SegmentView {
 public:
  // Reads its directory. kProtocol for a damaged one, with what is wrong.
  static Result<std::shared_ptr<const SealedSegment>> open(const std::filesystem::path& path);

  Result<BlockSet> with(WordHash word) const override;
  Result<std::string> read(const Block& block) const override;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  WallTime sealed() const { return sealed_; }

 private:
  Result<> load();
  Result<> read_directory(std::string_view bytes, std::uint64_t limit);
  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  WallTime sealed_;
  FilterPlace filter_;
};

}  // namespace fairlead::observe
