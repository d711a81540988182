#include <fcntl.h>

#include "observe/log_segment.h"

namespace fairlead::observe {
namespace {

class RawView : public SegmentView {
 public:
  RawView(UniqueFd fd, std::vector<Block> blocks, std::vector<LabelsPtr> streams)
      : fd_(std::move(fd)) {
    blocks_ = std::move(blocks);
    streams_ = std::move(streams);
  }
  // A raw segment is small enough to look at everything.
  Result<BlockSet> with(WordHash) const override { return BlockSet(blocks_.size(), true); }
  Result<std::string> read(const Block& block) const override {
    return read_at(fd_.get(), block.offset, block.size);
  }

 private:
  UniqueFd fd_;
};

}  // namespace

Result<RawSegment> RawSegment::open(const std::filesystem::path& path, std::uint64_t first,
                                    const OnPosition& on_position) {
  RawSegment segment(path, FrameFile(), first);
  TRY(segment.file_, FrameFile::open(path, kMagic, [&](std::string_view payload, auto offset) {
        return visit(segment, payload, offset, on_position);
      }));
  return segment;
}

Result<> RawSegment::visit(RawSegment& segment, std::string_view payload, std::uint64_t offset,
                           const OnPosition& on_position) {
  FrameReader reader(payload);
  Block* block = nullptr;
  while (const FrameEntry* entry = reader.next()) {
    switch (entry->kind) {
      case FrameEntry::kLine:
        if (entry->stream >= segment.streams_.size())
          return fail(Code::kProtocol, "a line of an unknown stream");
        if (block == nullptr)
          block = &segment.block_for(offset, payload.size() + kFrameHeader, entry->sequence);
        block->add_line(entry->microseconds);
        segment.next_ = entry->sequence + 1;
        break;
      case FrameEntry::kStream:
        if (entry->stream != segment.streams_.size())
          return fail(Code::kProtocol, "streams out of order");
        segment.streams_.push_back(std::make_shared<const LogLabels>(entry->labels));
        segment.numbers_.emplace(segment.streams_.back(), entry->stream);
        break;
      case FrameEntry::kPosition:
        on_position(entry->source, entry->position);
        break;
    }
  }
  if (!reader.ok()) return fail(Code::kProtocol, "a frame that cannot be read");
  return {};
}

// The block that a frame at `offset` becomes part of.
Block& RawSegment::block_for(std::uint64_t offset, std::uint64_t size, std::uint64_t first) {
  if (blocks_.empty() || blocks_.back().size >= Block::kBlockSize)
    blocks_.push_back({.offset = offset, .first = first});
  Block& block = blocks_.back();
  block.size = block.raw_size = offset + size - block.offset;
  return block;
}

std::uint64_t RawSegment::stream_number(const LabelsPtr& labels, FrameBuilder& frame) {
  const auto [at, is_new] = numbers_.try_emplace(labels, streams_.size());
  if (is_new) {
    streams_.push_back(labels);
    frame.stream(at->second, *labels);
  }
  return at->second;
}

Result<> RawSegment::append(const FrameBuilder& frame, std::uint64_t lines, std::int64_t earliest,
                            std::int64_t latest) {
  const std::uint64_t offset = file_.size();
  TRY_VOID(file_.append(frame.payload()));
  if (lines == 0) return {};
  Block& block = block_for(offset, file_.size() - offset, next_);
  block.lines += lines;
  block.earliest = std::min(block.earliest, earliest);
  block.latest = std::max(block.latest, latest);
  next_ += lines;
  return {};
}

std::shared_ptr<const SegmentView> RawSegment::view() const {
  return std::make_shared<RawView>(UniqueFd(::fcntl(fd(), F_DUPFD_CLOEXEC, 0)), blocks_, streams_);
}

}  // namespace fairlead::observe
