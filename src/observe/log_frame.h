// One frame of the log: lines of any streams in the order of arrival, with what is needed to read
// them alone within their segment. The same bytes are in a segment being written and, compressed,
// in a sealed one.
//
//   first sequence (varint), then entries: a tag byte (kind in its lowest two bits) and
//   kLine      stream, time (µs after the line before, zigzag) [status] [request offset, length],
//              text; tag bits 2-4: level + 1 or 0, bit 5: has a status, bit 6: has a request ID
//   kStream    number within the segment, five labels: stands before the stream's first line
//   kPosition  how far a source has been read (see LogStore::Mark): source, position
#pragma once

#include "observe/coding.h"
#include "observe/log_line.h"

namespace fairlead::observe {

class FrameBuilder {
 public:
  explicit FrameBuilder(std::uint64_t first_sequence) { restart(first_sequence); }
  void restart(std::uint64_t first_sequence);

  void stream(std::uint64_t number, const LogLabels& labels);
  void position(std::string_view source, std::uint64_t position);
  // `fields` are views into `text`.
  void line(std::uint64_t stream, std::int64_t microseconds, const LogFields& fields,
            std::string_view text);

  bool empty() const { return payload_.size() == head_; }
  std::size_t size() const { return payload_.size(); }
  const std::string& payload() const { return payload_; }

 private:
  std::string payload_;
  std::size_t head_ = 0;
  std::int64_t time_ = 0;
};

// One entry of a frame; views into the frame.
struct FrameEntry {
  enum Kind : unsigned char { kLine = 0, kStream = 1, kPosition = 2 };
  Kind kind = kLine;
  std::uint64_t stream = 0;
  // A line's.
  std::uint64_t sequence = 0;
  std::int64_t microseconds = 0;
  std::optional<Level> level;
  std::uint16_t status = 0;
  std::string_view request_id;
  std::string_view text;
  // A stream's.
  LogLabels labels;
  // A position's.
  std::string_view source;
  std::uint64_t position = 0;
};

class FrameReader {
 public:
  explicit FrameReader(std::string_view payload);
  // The next entry; nullptr at the end, and where the frame is damaged (then ok() is false). It
  // lives until the next call.
  const FrameEntry* next();
  bool ok() const { return ok_ && decoder_.ok(); }
  std::uint64_t first_sequence() const { return first_; }

 private:
  void read_line(unsigned tag);
  Decoder decoder_;
  FrameEntry entry_;
  std::uint64_t first_;
  std::uint64_t sequence_;
  std::int64_t time_ = 0;
  bool ok_ = true;
};

}  // namespace fairlead::observe
