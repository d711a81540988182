#include "observe/log_frame.h"

namespace fairlead::observe {
namespace {
constexpr unsigned kHasStatus = 1 << 5;
constexpr unsigned kHasRequest = 1 << 6;
}  // namespace

void FrameBuilder::restart(std::uint64_t first_sequence) {
  payload_.clear();
  time_ = 0;
  put_varint(payload_, first_sequence);
  head_ = payload_.size();
}

void FrameBuilder::stream(std::uint64_t number, const LogLabels& labels) {
  payload_ += static_cast<char>(FrameEntry::kStream);
  put_varint(payload_, number);
  for (const auto* label :
       {&labels.app, &labels.environment, &labels.release, &labels.replica, &labels.source})
    put_text(payload_, *label);
}

void FrameBuilder::position(std::string_view source, std::uint64_t position) {
  payload_ += static_cast<char>(FrameEntry::kPosition);
  put_text(payload_, source);
  put_varint(payload_, position);
}

void FrameBuilder::line(std::uint64_t stream, std::int64_t microseconds, const LogFields& fields,
                        std::string_view text) {
  unsigned tag = FrameEntry::kLine;
  if (fields.level) tag |= (static_cast<unsigned>(*fields.level) + 1) << 2;
  if (fields.status != 0) tag |= kHasStatus;
  if (!fields.request_id.empty()) tag |= kHasRequest;
  payload_ += static_cast<char>(tag);
  put_varint(payload_, stream);
  put_zigzag(payload_, microseconds - time_);
  time_ = microseconds;
  if (fields.status != 0) put_varint(payload_, fields.status);
  if (!fields.request_id.empty()) {
    put_varint(payload_, static_cast<std::uint64_t>(fields.request_id.data() - text.data()));
    put_varint(payload_, fields.request_id.size());
  }
  put_text(payload_, text);
}

FrameReader::FrameReader(std::string_view payload)
    : decoder_(payload), first_(decoder_.varint()), sequence_(first_) {}

const FrameEntry* FrameReader::next() {
  if (!ok() || decoder_.at_end()) return nullptr;
  const unsigned tag = decoder_.byte();
  switch (tag & 3) {
    case FrameEntry::kLine:
      read_line(tag);
      break;
    case FrameEntry::kStream:
      entry_.kind = FrameEntry::kStream;
      entry_.stream = decoder_.varint();
      for (auto* label : {&entry_.labels.app, &entry_.labels.environment, &entry_.labels.release,
                          &entry_.labels.replica, &entry_.labels.source})
        *label = decoder_.text();
      break;
    case FrameEntry::kPosition:
      entry_.kind = FrameEntry::kPosition;
      entry_.source = decoder_.text();
      entry_.position = decoder_.varint();
      break;
    default:
      ok_ = false;
  }
  return ok() ? &entry_ : nullptr;
}

void FrameReader::read_line(unsigned tag) {
  entry_.kind = FrameEntry::kLine;
  entry_.sequence = sequence_++;
  const unsigned level = (tag >> 2) & 7;
  if (level > 4) ok_ = false;
  entry_.level = level == 0 ? std::nullopt : std::optional(static_cast<Level>(level - 1));
  entry_.stream = decoder_.varint();
  // Through unsigned numbers, because a damaged delta may overflow.
  time_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(time_) +
                                    static_cast<std::uint64_t>(decoder_.zigzag()));
  entry_.microseconds = time_;
  entry_.status = (tag & kHasStatus) != 0 ? static_cast<std::uint16_t>(decoder_.varint()) : 0;
  std::uint64_t offset = 0, length = 0;
  if ((tag & kHasRequest) != 0) {
    offset = decoder_.varint();
    length = decoder_.varint();
  }
  entry_.text = decoder_.text();
  if (offset > entry_.text.size() || length > entry_.text.size() - offset) {
    ok_ = false;
    return;
  }
  entry_.request_id = entry_.text.substr(offset, length);
}

}  // namespace fairlead::observe
