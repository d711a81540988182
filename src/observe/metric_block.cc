#include "observe/metric_block.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "observe/coding.h"
#include "observe/frame_file.h"
#include "observe/value_codec.h"

namespace fairlead::observe {
namespace {

constexpr std::string_view kMagic = "FLMETb01";
constexpr std::size_t kFooter = 1 + 8 + 8 + 4 + 4 + kMagicSize;
constexpr std::size_t kBuffer = 1 << 20;
constexpr std::size_t kSum = sizeof(std::uint32_t);

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

Result<std::shared_ptr<const MetricBlock>> MetricBlock::open(const std::filesystem::path& path) {
  auto block = std::make_shared<MetricBlock>();
  block->path_ = path;
  block->fd_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto loaded = block->fd_ ? block->load() : Result<>(fail_errno("open"));
  if (!loaded)
    return fail(std::move(loaded).error().in("cannot read metric block " + path.string()));
  return block;
}

Result<> MetricBlock::load() {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return fail_errno("stat");
  size_ = static_cast<std::uint64_t>(status.st_size);
  if (size_ < kMagicSize + kFooter) return fail(Code::kProtocol, "it is too short");
  TRY(const std::string footer, read_at(fd_.get(), size_ - kFooter, kFooter));
  Decoder decoder(footer);
  level_ = decoder.byte();
  start_ = decoder.fixed<std::int64_t>();
  directory_offset_ = decoder.fixed<std::uint64_t>();
  directory_size_ = decoder.fixed<std::uint32_t>();
  directory_sum_ = decoder.fixed<std::uint32_t>();
  if (decoder.bytes(kMagicSize) != kMagic) return fail(Code::kProtocol, "it has no footer");
  if (level_ >= kLevels || start_ < 0 || start_ > (1ll << 40) ||
      start_ % kResolutions[level_].length() != 0 || directory_offset_ > size_ - kFooter ||
      directory_size_ != size_ - kFooter - directory_offset_)
    return fail(Code::kProtocol, "its footer is damaged");
  return {};
}

Result<std::vector<MetricBlock::Chunk>> MetricBlock::directory() const {
  const auto damaged = [&] {
    return fail(Code::kProtocol, path_.string() + ": its directory is damaged");
  };
  TRY(const std::string bytes, read_at(fd_.get(), directory_offset_, directory_size_));
  if (checksum(bytes) != directory_sum_) return damaged();
  Decoder decoder(bytes);
  std::vector<Chunk> chunks;
  std::uint64_t series = 0, offset = kMagicSize;
  while (!decoder.at_end()) {
    series += decoder.varint();
    const std::uint64_t size = decoder.varint();
    if (!decoder.ok() || series > UINT32_MAX || size < kSum || size > directory_offset_ - offset ||
        (!chunks.empty() && static_cast<SeriesId>(series) <= chunks.back().series))
      return damaged();
    chunks.push_back({static_cast<SeriesId>(series), offset, static_cast<std::uint32_t>(size)});
    offset += size;
  }
  return chunks;
}

Result<Columns> MetricBlock::read(const Chunk& chunk) const {
  TRY(const std::string bytes, read_at(fd_.get(), chunk.offset, chunk.size));
  Decoder decoder(bytes);
  const auto sum = decoder.fixed<std::uint32_t>();
  const auto damaged = [&] {
    return fail(Code::kProtocol,
                fmt::format("{}: the chunk at {} is damaged", path_.string(), chunk.offset));
  };
  if (sum != checksum(std::string_view(bytes).substr(kSum))) return damaged();
  Columns columns;
  while (!decoder.at_end()) {
    const std::string_view packed = decoder.text();
    if (!decoder.ok() || columns.size() == 3) return damaged();
    auto& column = columns.emplace_back(static_cast<std::size_t>(kResolutions[level_].points), 0.0);
    if (!decode_values(packed, column)) return damaged();
  }
  if (columns.size() != 1 && columns.size() != 3) return damaged();
  return columns;
}

BlockWriter::BlockWriter(std::filesystem::path path, UniqueFd fd, std::size_t level,
                         std::int64_t start)
    : path_(std::move(path)), fd_(std::move(fd)), buffer_(kMagic), level_(level), start_(start) {}

Result<BlockWriter> BlockWriter::create(const std::filesystem::path& path, std::size_t level,
                                        std::int64_t start) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd) return fail_errno("cannot write " + temporary.string());
  return BlockWriter(path, std::move(fd), level, start);
}

Result<> BlockWriter::add(SeriesId series, std::span<const std::span<const double>> columns) {
  std::string chunk;
  for (const auto column : columns) put_text(chunk, encode_values(column));
  put_fixed(buffer_, checksum(chunk));
  buffer_ += chunk;
  put_varint(directory_, static_cast<std::uint32_t>(series) - last_);
  put_varint(directory_, chunk.size() + kSum);
  last_ = static_cast<std::uint32_t>(series);
  if (buffer_.size() < kBuffer) return {};
  TRY_VOID(write_fully(fd_.get(), buffer_));
  offset_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<> BlockWriter::finish() {
  const std::uint64_t directory_offset = offset_ + buffer_.size();
  buffer_ += directory_;
  buffer_ += static_cast<char>(level_);
  put_fixed(buffer_, start_);
  put_fixed(buffer_, directory_offset);
  put_fixed(buffer_, static_cast<std::uint32_t>(directory_.size()));
  put_fixed(buffer_, checksum(directory_));
  buffer_ += kMagic;
  TRY_VOID(write_fully(fd_.get(), buffer_));
  if (::fsync(fd_.get()) != 0) return fail_errno("fsync");
  std::filesystem::path temporary = path_;
  temporary += ".tmp";
  if (::rename(temporary.c_str(), path_.c_str()) != 0) return fail_errno("rename");
  UniqueFd folder(::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return fail_errno("fsync of the folder");
  return {};
}

}  // namespace fairlead::observe
