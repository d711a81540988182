// Numbers and text as bytes, as the files of this folder hold them: little endian, varints (7 bits
// a byte, lowest first), zigzag for signed ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace fairlead::observe {

constexpr std::uint64_t zigzag(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t n) {
  return static_cast<std::int64_t>((n >> 1) ^ (0 - (n & 1)));
}

inline void put_varint(std::string& out, std::uint64_t n) {
  for (; n >= 0x80; n >>= 7) out += static_cast<char>(n | 0x80);
  out += static_cast<char>(n);
}
inline void put_zigzag(std::string& out, std::int64_t n) { put_varint(out, zigzag(n)); }
template <typename T>
void put_fixed(std::string& out, T n) {
  char bytes[sizeof n];
  std::memcpy(bytes, &n, sizeof n);
  out.append(bytes, sizeof n);
}
inline void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

// Reads what the functions above wrote, out of bytes that may be damaged: past the end, or after a
// malformed number, every call gives zero or nothing and ok() is false from then on. Views into the
// bytes given.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == end_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  std::uint64_t varint() {
    std::uint64_t n = 0;
    for (unsigned shift = 0; at_ != end_ && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      n |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return n;
    }
    return spoil(), 0;
  }
  std::int64_t zigzag() { return unzigzag(varint()); }
  unsigned char byte() {
    if (at_ == end_) return spoil(), 0;
    return static_cast<unsigned char>(*at_++);
  }
  template <typename T>
  T fixed() {
    T n{};
    if (left() < sizeof n) return spoil(), n;
    std::memcpy(&n, at_, sizeof n);
    at_ += sizeof n;
    return n;
  }
  std::string_view bytes(std::uint64_t size) {
    if (left() < size) return spoil(), std::string_view();
    const std::string_view found(at_, size);
    at_ += size;
    return found;
  }
  std::string_view text() { return bytes(varint()); }

 private:
  void spoil() {
    ok_ = false;
    at_ = end_;
  }
  const char* begin_;
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace fairlead::observe
