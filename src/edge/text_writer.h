#pragma once

#include <fmt/format.h>

#include <cassert>
#include <string>
#include <string_view>

namespace fairlead::edge {

// Writes into room that was made beforehand, without asking for each piece: for the few texts that
// are made for every request.
class TextWriter {
 public:
  explicit TextWriter(char* at) : at_(at) {}

  TextWriter& put(std::string_view text) {
    at_ += text.copy(at_, text.size());
    return *this;
  }
  TextWriter& put_number(std::uint64_t number) {
    const fmt::format_int digits(number);
    return put({digits.data(), digits.size()});
  }
  char* at() const { return at_; }
  // Takes back what was put last.
  void back_to(char* at) { at_ = at; }

 private:
  char* at_;
};

// Appends to `out` what `write(TextWriter&)` puts, which must be at most `room` bytes.
template <typename Write>
void append_within(std::string& out, std::size_t room, Write write) {
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + room, [&](char* data, std::size_t) {
    TextWriter writer(data + before);
    write(writer);
    assert(writer.at() <= data + before + room);
    return static_cast<std::size_t>(writer.at() - data);
  });
}

}  // namespace fairlead::edge
