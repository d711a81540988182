#include "observe/value_codec.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "observe/bits.h"

namespace fairlead::observe {
namespace {

// The first byte: method (2 bits), whether there are gaps (1), order of prediction (2), decimals
// (3).
enum Method : unsigned { kNothing = 0, kIntegers = 1, kXor = 2 };
constexpr unsigned kHasGaps = 1 << 2;
constexpr std::array<double, 8> kScales{1, 1e1, 1e2, 1e3, 1e4, 1e6, 1e9, 1e12};
constexpr double kLargestInteger = 9007199254740992.0;  // 2^53: every integer up to it is a double

// A residual whose quotient reaches this is written out.
constexpr unsigned kEscape = 24;
// In place of Rice's parameter: all residuals are 0, and no bits follow.
constexpr unsigned kAllZero = 63;

bool scale(std::span<const double> values, double by, std::vector<std::int64_t>& out) {
  out.clear();
  for (const double value : values) {
    const double scaled = std::nearbyint(value * by);
    if (!(std::fabs(scaled) < kLargestInteger)) return false;
    if (std::bit_cast<std::uint64_t>(scaled / by) != std::bit_cast<std::uint64_t>(value))
      return false;
    out.push_back(static_cast<std::int64_t>(scaled));
  }
  return true;
}

// Integers as differences from a prediction: order 0 from `base`, order 1 from the value before,
// order 2 from the line through the two before. What is before the first is `base`.
struct Predictor {
  unsigned order;
  std::int64_t before, slope = 0;

  std::int64_t predict() const { return before + slope; }
  void learn(std::int64_t value) {
    if (order == 0) return;
    if (order == 2) slope = value - before;
    before = value;
  }
};

struct Plan {
  unsigned scale = 0;  // index into kScales
  unsigned order = 0;
  std::int64_t base = 0;
  unsigned rice = 0;
  std::uint64_t bits = UINT64_MAX;
  std::vector<std::uint64_t> residuals;
};

std::uint64_t cost(std::span<const std::uint64_t> residuals, unsigned rice) {
  std::uint64_t bits = 0;
  for (const std::uint64_t residual : residuals) {
    const std::uint64_t quotient = residual >> rice;
    bits += quotient < kEscape ? quotient + 1 + rice : kEscape + 64;
  }
  return bits;
}

void consider(Plan& best, std::span<const std::int64_t> integers, unsigned order,
              std::int64_t base) {
  Plan plan{.order = order, .base = base};
  plan.residuals.reserve(integers.size());
  Predictor predictor{order, base};
  std::uint64_t sum = 0;
  for (const std::int64_t value : integers) {
    plan.residuals.push_back(zigzag(value - predictor.predict()));
    sum += std::min<std::uint64_t>(plan.residuals.back(), 1ull << 48);
    predictor.learn(value);
  }
  if (sum == 0) {
    plan.rice = kAllZero;
    plan.bits = 0;
  } else {
    const auto attempt = [&](unsigned rice) {
      const std::uint64_t bits = cost(plan.residuals, rice);
      if (bits >= plan.bits) return;
      plan.bits = bits;
      plan.rice = rice;
    };
    const auto width = static_cast<unsigned>(std::bit_width(sum / integers.size()));
    attempt(0);  // for a few large ones among zeros
    for (unsigned rice = width > 3 ? width - 2 : 1; rice <= width; ++rice) attempt(rice);
  }
  if (plan.bits < best.bits) best = std::move(plan);
}

Plan best_plan(std::span<const std::int64_t> integers, unsigned scale_index) {
  const auto count = static_cast<std::int64_t>(integers.size());
  std::int64_t mean = 0;
  for (const std::int64_t value : integers) mean += value / count;
  Plan best;
  consider(best, integers, 1, integers.front());
  if (best.bits > 0) {
    consider(best, integers, 0, 0);
    consider(best, integers, 0, mean);
    consider(best, integers, 2, integers.front());
  }
  best.scale = scale_index;
  return best;
}

void write_integers(std::string& out, const Plan& plan) {
  put_zigzag(out, plan.base);
  out += static_cast<char>(plan.rice);
  if (plan.rice == kAllZero) return;
  BitWriter writer(out);
  for (const std::uint64_t residual : plan.residuals) {
    const std::uint64_t quotient = residual >> plan.rice;
    if (quotient < kEscape) {
      writer.put((1ull << (quotient + 1)) - 2, static_cast<unsigned>(quotient) + 1);
      writer.put(residual, plan.rice);
    } else {
      writer.put((1ull << kEscape) - 1, kEscape);
      writer.put(residual, 64);
    }
  }
}

void write_xor(std::string& out, std::span<const double> values) {
  BitWriter writer(out);
  std::uint64_t before = 0;
  unsigned leading = 64, length = 0;  // the window of meaningful bits last told
  for (const double value : values) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t changed = bits ^ before;
    before = bits;
    if (changed == 0) {
      writer.put(0, 1);
      continue;
    }
    const auto zeros = static_cast<unsigned>(std::countl_zero(changed));
    const auto trailing = static_cast<unsigned>(std::countr_zero(changed));
    if (zeros >= leading && trailing >= 64 - leading - length) {
      writer.put(0b10, 2);
    } else {
      leading = zeros;
      length = 64 - zeros - trailing;
      writer.put(0b11, 2);
      writer.put(leading, 6);
      writer.put(length - 1, 6);
    }
    writer.put(changed >> (64 - leading - length), length);
  }
}

// Lengths of runs: present, missing, present, …
void encode_gaps(std::string& out, std::span<const double> values) {
  bool present = true;
  for (std::size_t at = 0; at < values.size(); present = !present) {
    const std::size_t begin = at;
    while (at < values.size() && std::isnan(values[at]) != present) ++at;
    put_varint(out, at - begin);
  }
}

Result<> damaged() { return fail(Code::kProtocol, "packed values are damaged"); }

Result<> decode_integers(Decoder& decoder, unsigned head, std::span<double> values) {
  const double scale_by = kScales[head >> 5];
  Predictor predictor{(head >> 3) & 3, decoder.zigzag()};
  const unsigned rice = decoder.byte();
  if (!decoder.ok() || predictor.order > 2 || (rice != kAllZero && rice > 49)) return damaged();
  BitReader reader(rice == kAllZero ? std::string_view() : decoder.bytes(decoder.left()));
  for (double& value : values) {
    std::uint64_t residual = 0;
    if (rice != kAllZero) {
      const unsigned quotient = reader.ones(kEscape);
      residual = quotient == kEscape
                     ? reader.take(64)
                     : static_cast<std::uint64_t>(quotient) << rice | reader.take(rice);
    }
    // Damage may bring any number; sums of those that were written stay far below 2^55.
    const std::int64_t integer = predictor.predict() + unzigzag(residual & ((1ull << 56) - 1));
    if (integer > (1ll << 55) || integer < -(1ll << 55)) return damaged();
    predictor.learn(integer);
    value = static_cast<double>(integer) / scale_by;
  }
  return reader.ok() ? Result<>() : damaged();
}

Result<> decode_xor(Decoder& decoder, std::span<double> values) {
  BitReader reader(decoder.bytes(decoder.left()));
  std::uint64_t before = 0;
  unsigned leading = 0, length = 0;
  for (double& value : values) {
    if (reader.take(1) != 0) {
      if (reader.take(1) != 0) {
        leading = static_cast<unsigned>(reader.take(6));
        length = static_cast<unsigned>(reader.take(6)) + 1;
      }
      if (length == 0 || leading + length > 64) return damaged();
      before ^= reader.take(length) << (64 - leading - length);
    }
    value = std::bit_cast<double>(before);
  }
  return reader.ok() ? Result<>() : damaged();
}

}  // namespace

std::string encode_values(std::span<const double> values) {
  std::vector<double> present;
  present.reserve(values.size());
  for (const double value : values)
    if (!std::isnan(value)) present.push_back(value);
  if (present.empty()) return {static_cast<char>(kNothing)};

  const bool gaps = present.size() < values.size();
  const unsigned head = gaps ? kHasGaps : 0;
  std::vector<std::int64_t> integers;
  Plan plan;
  for (unsigned i = 0; i < kScales.size() && plan.bits == UINT64_MAX; ++i)
    if (scale(present, kScales[i], integers)) plan = best_plan(integers, i);

  std::string out;
  if (plan.bits != UINT64_MAX) {
    out += static_cast<char>(head | kIntegers | plan.order << 3 | plan.scale << 5);
    if (gaps) encode_gaps(out, values);
    write_integers(out, plan);
  } else {
    out += static_cast<char>(head | kXor);
    if (gaps) encode_gaps(out, values);
    write_xor(out, present);
  }
  return out;
}

Result<> decode_values(std::string_view packed, std::span<double> values) {
  Decoder decoder(packed);
  const unsigned head = decoder.byte();
  std::ranges::fill(values, std::numeric_limits<double>::quiet_NaN());
  if ((head & 3) == kNothing) return decoder.ok() ? Result<>() : damaged();

  std::vector<std::size_t> runs;  // of present, missing, present, … values
  std::size_t present = 0;
  if ((head & kHasGaps) != 0) {
    for (std::size_t at = 0; at < values.size();) {
      const std::uint64_t run = decoder.varint();
      if (run > values.size() - at || (run == 0 && !runs.empty())) return damaged();
      if (runs.size() % 2 == 0) present += run;
      runs.push_back(run);
      at += run;
    }
  } else {
    runs.push_back(present = values.size());
  }
  // Decoded to the front, then moved to their places from the back.
  const auto front = values.first(present);
  TRY_VOID((head & 3) == kIntegers ? decode_integers(decoder, head, front)
           : (head & 3) == kXor    ? decode_xor(decoder, front)
                                   : damaged());
  std::size_t end = values.size();
  for (std::size_t i = runs.size(); i-- > 0; end -= runs[i]) {
    const auto place = values.subspan(end - runs[i], runs[i]);
    if (i % 2 != 0) {
      std::ranges::fill(place, std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    present -= runs[i];
    std::memmove(place.data(), values.data() + present, runs[i] * sizeof(double));
  }
  return {};
}

}  // namespace fairlead::observe
