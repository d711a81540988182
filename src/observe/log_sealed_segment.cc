#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "observe/log_segment.h"

namespace fairlead::observe {
namespace {

constexpr std::string_view kMagic = "FLLOGs01";
constexpr std::size_t kFooter = 8 + 4 + 4 + kMagicSize;
constexpr std::size_t kLargestDirectory = 64 << 20;
constexpr std::size_t kLargestBlock = Block::kBlockSize + kLargestFrame + kFrameHeader;
// Level 1: the levels above cost several times its CPU time for a tenth less space.
constexpr int kCompression = 1;

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

struct ContextFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

void index_labels(WordSet& words, const LogLabels& labels) {
  words.add(field_hash(IndexedField::kApp, labels.app));
  words.add(field_hash(IndexedField::kEnvironment, labels.environment));
  words.add(field_hash(IndexedField::kRelease, labels.release));
  words.add(field_hash(IndexedField::kReplica, labels.replica));
  words.add(field_hash(IndexedField::kSource, labels.source));
}

// The words of all lines in a run of frames.
Result<> index_block(std::string_view frames, const std::vector<LabelsPtr>& streams,
                     WordSet& words) {
  std::vector<bool> seen(streams.size());
  const auto whole = read_frames(frames, 0, true, [&](std::string_view payload, auto) -> Result<> {
    FrameReader reader(payload);
    while (const FrameEntry* entry = reader.next()) {
      if (entry->kind != FrameEntry::kLine) continue;
      if (entry->stream >= streams.size()) return fail(Code::kProtocol, "unknown stream");
      if (!seen[entry->stream]) {
        seen[entry->stream] = true;
        index_labels(words, *streams[entry->stream]);
      }
      if (entry->level)
        words.add(field_hash(IndexedField::kLevel, static_cast<unsigned>(*entry->level)));
      if (entry->status != 0) {
        words.add(field_hash(IndexedField::kStatus, entry->status));
        words.add(field_hash(IndexedField::kStatusClass, entry->status / 100u));
      }
      if (!entry->request_id.empty())
        words.add(field_hash(IndexedField::kRequest, entry->request_id));
      for_each_word(entry->text, [&](WordHash word) { words.add(word); });
    }
    return reader.ok() ? Result<>() : fail(Code::kProtocol, "a frame that cannot be read");
  });
  if (!whole) return fail(whole.error());
  if (*whole != frames.size()) return fail(Code::kProtocol, "a frame with a wrong checksum");
  return {};
}

std::string directory_of(const SegmentView& raw, const std::vector<Block>& blocks,
                         const FilterPlace& filter) {
  std::string out;
  put_zigzag(out, wall_now().time_since_epoch().count());
  put_varint(out, raw.streams().size());
  for (const auto& labels : raw.streams()) {
    for (const auto* label :
         {&labels->app, &labels->environment, &labels->release, &labels->replica, &labels->source})
      put_text(out, *label);
  }
  put_varint(out, blocks.size());
  for (const Block& block : blocks) {
    put_varint(out, block.offset);
    put_varint(out, block.size);
    put_varint(out, block.raw_size);
    put_varint(out, block.first);
    put_varint(out, block.lines);
    put_zigzag(out, block.earliest);
    put_zigzag(out, block.latest);
  }
  put_varint(out, filter.offset);
  put_varint(out, filter.rows);
  return out;
}

// Writes blocks, filter, directory and footer, one after the other.
Result<> write_sealed(const SegmentView& raw, int fd) {
  const std::unique_ptr<ZSTD_CCtx, ContextFree> context(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompression);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::vector<Block> blocks;
  std::vector<std::vector<WordHash>> words;
  WordSet word_set;
  std::string compressed;
  std::uint64_t offset = kMagicSize;
  TRY_VOID(write_fully(fd, kMagic));
  for (Block block : raw.blocks()) {
    TRY(const std::string frames, raw.read(block));
    word_set.clear();
    TRY_VOID(index_block(frames, raw.streams(), word_set));
    words.emplace_back(word_set.words().begin(), word_set.words().end());
    compressed.resize(ZSTD_compressBound(frames.size()));
    const std::size_t size = ZSTD_compress2(context.get(), compressed.data(), compressed.size(),
                                            frames.data(), frames.size());
    if (ZSTD_isError(size)) return fail(Code::kInternal, ZSTD_getErrorName(size));
    TRY_VOID(write_fully(fd, {compressed.data(), size}));
    block.offset = offset;
    block.size = size;
    offset += size;
    blocks.push_back(block);
  }
  FilterPlace filter{.offset = offset, .blocks = blocks.size()};
  const std::string pages = build_filter(words, filter.rows);
  TRY_VOID(write_fully(fd, pages));
  std::string end = directory_of(raw, blocks, filter);
  const std::uint32_t sum = checksum(end);
  const auto size = static_cast<std::uint32_t>(end.size());
  put_fixed(end, offset + pages.size());
  put_fixed(end, size);
  put_fixed(end, sum);
  end += kMagic;
  return write_fully(fd, end);
}

}  // namespace

Result<> seal(const SegmentView& raw, const std::filesystem::path& path) {
  const auto context = [&](Error error) {
    return fail(std::move(error).in("cannot seal " + path.string()));
  };
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd) return context(Error::system("open"));
  if (auto written = write_sealed(raw, fd.get()); !written) {
    ::unlink(temporary.c_str());
    return context(std::move(written).error());
  }
  if (::fsync(fd.get()) != 0) return context(Error::system("fsync"));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return context(Error::system("rename"));
  UniqueFd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return context(Error::system("fsync of the folder"));
  return {};
}

Result<std::shared_ptr<const SealedSegment>> SealedSegment::open(
    const std::filesystem::path& path) {
  auto segment = std::make_shared<SealedSegment>();
  segment->path_ = path;
  segment->fd_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto loaded = segment->fd_ ? segment->load() : Result<>(fail_errno("open"));
  if (!loaded)
    return fail(std::move(loaded).error().in("cannot read log segment " + path.string()));
  return segment;
}

Result<> SealedSegment::load() {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return fail_errno("stat");
  size_ = static_cast<std::uint64_t>(status.st_size);
  if (size_ < kMagicSize + kFooter) return fail(Code::kProtocol, "it is too short");
  TRY(const std::string footer, read_at(fd_.get(), size_ - kFooter, kFooter));
  Decoder decoder(footer);
  const auto offset = decoder.fixed<std::uint64_t>();
  const auto size = decoder.fixed<std::uint32_t>();
  const auto sum = decoder.fixed<std::uint32_t>();
  if (decoder.bytes(kMagicSize) != kMagic) return fail(Code::kProtocol, "it has no footer");
  if (size > kLargestDirectory || offset > size_ - kFooter || size != size_ - kFooter - offset)
    return fail(Code::kProtocol, "its footer is damaged");
  TRY(const std::string directory, read_at(fd_.get(), offset, size));
  if (checksum(directory) != sum) return fail(Code::kProtocol, "its directory is damaged");
  return read_directory(directory, offset);
}

// `limit` is where blocks and filter end.
Result<> SealedSegment::read_directory(std::string_view bytes, std::uint64_t limit) {
  const auto damaged = [](const char* what) {
    return fail(Code::kProtocol, fmt::format("its directory has {}", what));
  };
  Decoder decoder(bytes);
  sealed_ = WallTime(Duration(decoder.zigzag()));
  for (auto n = decoder.varint(); n > 0 && decoder.ok(); --n) {
    LogLabels labels;
    for (auto* label :
         {&labels.app, &labels.environment, &labels.release, &labels.replica, &labels.source})
      *label = decoder.text();
    streams_.push_back(std::make_shared<const LogLabels>(std::move(labels)));
  }
  std::uint64_t next = 0;
  for (auto n = decoder.varint(); n > 0 && decoder.ok(); --n) {
    Block block;
    block.offset = decoder.varint();
    block.size = decoder.varint();
    block.raw_size = decoder.varint();
    block.first = decoder.varint();
    block.lines = decoder.varint();
    block.earliest = decoder.zigzag();
    block.latest = decoder.zigzag();
    if (block.offset > limit || block.size > limit - block.offset || block.raw_size > kLargestBlock)
      return damaged("a block outside the file");
    if (block.first < next || block.lines > block.raw_size ||
        block.first > UINT64_MAX - block.lines)
      return damaged("blocks out of order");
    next = block.end();
    blocks_.push_back(block);
  }
  const std::uint64_t filter = decoder.varint();
  const std::uint64_t rows = decoder.varint();
  if (!decoder.ok() || !decoder.at_end()) return damaged("an end too early or too late");
  if (blocks_.empty()) return damaged("no blocks");
  if (rows == 0 || rows > UINT32_MAX || filter > limit ||
      filter_size(rows, blocks_.size()) != limit - filter)
    return damaged("a word filter of another size");
  filter_ = {.fd = fd_.get(),
             .offset = filter,
             .rows = static_cast<std::uint32_t>(rows),
             .blocks = blocks_.size()};
  return {};
}

Result<BlockSet> SealedSegment::with(WordHash word) const {
  auto blocks = blocks_with(filter_, word);
  if (!blocks) return fail(std::move(blocks).error().in(path_.string()));
  return blocks;
}

Result<std::string> SealedSegment::read(const Block& block) const {
  TRY(const std::string compressed, read_at(fd_.get(), block.offset, block.size));
  // One per thread: making one costs more than a small block.
  thread_local const std::unique_ptr<ZSTD_DCtx, ContextFree> context(ZSTD_createDCtx());
  std::string frames(block.raw_size, '\0');
  const std::size_t size = ZSTD_decompressDCtx(context.get(), frames.data(), frames.size(),
                                               compressed.data(), compressed.size());
  if (ZSTD_isError(size) || size != frames.size())
    return fail(Code::kProtocol,
                fmt::format("{}: the block at {} is damaged", path_.string(), block.offset));
  return frames;
}

}  // namespace fairlead::observe
