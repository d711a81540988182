// The files of the log store and the metric store, damaged in any way: a clear error or an answer,
// in bounded memory, never a crash. Checksums would keep a fuzzer out, so it writes what they
// guard.
#include <sys/mman.h>
#include <zlib.h>

#include <cmath>

#include "fuzz/targets.h"
#include "observe/coding.h"
#include "observe/frame_file.h"
#include "observe/log_query.h"
#include "observe/metric_block.h"
#include "observe/openmetrics.h"
#include "observe/value_codec.h"

namespace fairlead::fuzz {
namespace {

using namespace fairlead::observe;

// A file of these bytes, in memory, with a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(fd_ && write_fully(fd_.get(), bytes), "a file in memory");
  }
  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_.get()); }

 private:
  UniqueFd fd_;
};

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

void log_fields(std::string_view bytes) {
  const Exact exact(bytes);
  const LogFields fields = parse_fields(exact.view());
  require(fields.status == 0 || (fields.status >= 100 && fields.status <= 599), "an HTTP status");
  require(fields.request_id.empty() || (fields.request_id.data() >= exact.view().data() &&
                                        fields.request_id.size() <= bytes.size()),
          "a request ID within the line");
}

void open_metrics(std::string_view bytes) {
  const Exact exact(bytes);
  auto samples = read_openmetrics(exact.view());
  if (!samples) return require(!samples.error().message().empty(), "an error that says what");
  require(samples->size() <= bytes.size(), "no sample without a line");
  for (const ScrapedSample& sample : *samples) require(!std::isnan(sample.value), "a number");
  name_edge_samples(*samples);
}

void log_frame(std::string_view bytes) {
  const Exact exact(bytes);
  FrameReader reader(exact.view());
  std::size_t entries = 0;
  while (const FrameEntry* entry = reader.next()) {
    ++entries;
    require(entry->text.size() <= bytes.size(), "a line within its frame");
  }
  require(entries <= bytes.size(), "at least a byte an entry");

  // The same as the only frame of a segment.
  std::string file(RawSegment::kMagic);
  put_fixed(file, static_cast<std::uint32_t>(bytes.size()));
  put_fixed(file, checksum(bytes));
  file += bytes;
  const MemoryFile memory(file);
  const auto segment = RawSegment::open(memory.path(), 1, [](auto, auto) {});
  if (!segment) return require(!segment.error().message().empty(), "an error that says what");
  const auto view = segment->view();
  std::vector<LogLine> found;
  const LogSearch search({.terms = {"a"}});
  for (const Block& block : view->blocks())
    require(search.search(*view, block, 0, UINT64_MAX, found).has_value(),
            "a segment that opened is searched");
}

void log_segment(std::string_view bytes) {
  // Some blocks that no decompressor will like, then the directory.
  std::string file("FLLOGs01");
  file.resize(2 * 4096 + 8, 'x');
  const std::uint64_t offset = file.size();
  file += bytes;
  put_fixed(file, offset);
  put_fixed(file, static_cast<std::uint32_t>(bytes.size()));
  put_fixed(file, checksum(bytes));
  file += "FLLOGs01";
  const MemoryFile memory(file);
  const auto segment = SealedSegment::open(memory.path());
  if (!segment) return require(!segment.error().message().empty(), "an error that says what");
  std::vector<LogLine> found;
  const LogSearch search({.terms = {"a"}});
  (void)search.candidates(**segment);
  for (const Block& block : (*segment)->blocks())
    (void)search.search(**segment, block, 0, UINT64_MAX, found);
}

void metric_block(std::string_view bytes) {
  std::string file("FLMETb01");
  file.resize(512 + 8, 'x');
  const std::uint64_t offset = file.size();
  file += bytes;
  file += '\0';
  put_fixed(file, std::int64_t{0});
  put_fixed(file, offset);
  put_fixed(file, static_cast<std::uint32_t>(bytes.size()));
  put_fixed(file, checksum(bytes));
  file += "FLMETb01";
  const MemoryFile memory(file);
  const auto block = MetricBlock::open(memory.path());
  require(block.has_value(), "a footer that is right is read");
  const auto directory = (*block)->directory();
  if (!directory) return;
  for (const auto& chunk : *directory) (void)(*block)->read(chunk);
}

void metric_values(std::string_view bytes) {
  const Exact exact(bytes);
  std::vector<double> values(180);
  if (!decode_values(exact.view(), values)) return;
  // What was read can be written, and is then read as the same.
  std::vector<double> again(values.size());
  require(decode_values(encode_values(values), again).has_value(), "what we write, we read");
  for (std::size_t i = 0; i < values.size(); ++i)
    require(std::isnan(values[i]) ? std::isnan(again[i]) : values[i] == again[i],
            "the same values");
}

}  // namespace fairlead::fuzz
