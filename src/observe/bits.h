// Bits in a row, highest first.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::observe {

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}
  ~BitWriter() {
    if (used_ > 0) out_ += static_cast<char>(pending_ << (8 - used_));
  }
  BitWriter(const BitWriter&) = delete;

  // The lowest `count` bits of `bits`, at most 64.
  void put(std::uint64_t bits, unsigned count) {
    if (count > 32) {
      put(bits >> 32, count - 32);
      count = 32;
    }
    pending_ = pending_ << count | (bits & ((1ull << count) - 1));
    for (used_ += count; used_ >= 8; used_ -= 8) out_ += static_cast<char>(pending_ >> (used_ - 8));
  }

 private:
  std::string& out_;
  std::uint64_t pending_ = 0;
  unsigned used_ = 0;
};

// Past the end every bit is 0 and ok() is false.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t take(unsigned count) {
    if (count == 0) return 0;
    if (count > 32) {
      const std::uint64_t high = take(count - 32);
      return high << 32 | take(32);
    }
    if (have_ < count) refill();
    if (have_ < count) return ok_ = false, 0;
    const std::uint64_t bits = pending_ >> (64 - count);
    drop(count);
    return bits;
  }
  // How many ones come before the next zero, which is taken too; `limit` ones end it without a
  // zero.
  unsigned ones(unsigned limit) {
    if (have_ < 32) refill();
    const unsigned count = static_cast<unsigned>(std::countl_one(pending_));
    if (count >= limit) return take(limit), limit;
    take(count + 1);
    return count;
  }
  bool ok() const { return ok_; }

 private:
  void refill() {
    while (have_ <= 56 && at_ < bytes_.size()) {
      pending_ |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_++]))
                  << (56 - have_);
      have_ += 8;
    }
  }
  void drop(unsigned count) {
    pending_ <<= count;
    have_ -= count;
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
  std::uint64_t pending_ = 0;  // the next bits, from the top
  unsigned have_ = 0;
  bool ok_ = true;
};

}  // namespace fairlead::observe
