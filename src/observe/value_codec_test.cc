#include "observe/value_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace fairlead::observe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Packs, unpacks, compares bit by bit; gives the packed size.
std::size_t round_trip(const std::vector<double>& values) {
  const std::string packed = encode_values(values);
  std::vector<double> again(values.size(), -1);
  const auto decoded = decode_values(packed, again);
  EXPECT_TRUE(decoded.has_value());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i]))
      EXPECT_TRUE(std::isnan(again[i])) << i;
    else
      EXPECT_EQ(std::bit_cast<std::uint64_t>(values[i]), std::bit_cast<std::uint64_t>(again[i]))
          << i;
  }
  return packed.size();
}

std::vector<double> make(std::size_t count, auto value) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(value(i));
  return values;
}

TEST(ValueCodec, TakesNothingForWhatIsSteady) {
  EXPECT_LE(round_trip(make(180, [](auto) { return 0.0; })), 4u);
  EXPECT_LE(round_trip(make(180, [](auto) { return 4294967296.0; })), 12u);
  EXPECT_LE(round_trip(make(180, [](auto i) { return 1e6 + 512.0 * static_cast<double>(i); })),
            45u);
}

TEST(ValueCodec, TakesTheSizeOfTheNoise) {
  std::mt19937 random(1);
  std::poisson_distribution requests(100);
  EXPECT_LE(round_trip(make(180, [&](auto) { return double(requests(random)); })), 180u);
  std::normal_distribution seconds(0.25, 0.01);
  EXPECT_LE(round_trip(make(180, [&](auto) { return std::round(seconds(random) * 1000) / 1000; })),
            190u);
}

TEST(ValueCodec, GivesBackEveryBit) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    const auto scale = std::pow(10.0, static_cast<double>(random() % 30) - 15);
    const bool whole = random() % 2 == 0;
    const bool gaps = random() % 2 == 0;
    round_trip(make(1 + random() % 400, [&](auto) {
      if (gaps && random() % 4 == 0) return kNaN;
      const double value =
          static_cast<double>(static_cast<std::int64_t>(random() >> (random() % 64))) * scale;
      return whole ? std::nearbyint(value) : value;
    }));
  }
}

TEST(ValueCodec, GivesBackOddNumbers) {
  round_trip({0.0, -0.0, 1e308, -1e308, std::numeric_limits<double>::denorm_min(),
              std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()});
  round_trip({9007199254740991.0, -9007199254740991.0, 9007199254740991.0, -9007199254740991.0});
  round_trip({9007199254740992.0, 1});
  round_trip({kNaN, kNaN});
  round_trip({kNaN, 1, kNaN});
  round_trip({});
}

TEST(ValueCodec, RefusesDamage) {
  std::mt19937 random(3);
  std::normal_distribution noise(1000.0, 50.0);
  const std::string whole =
      encode_values(make(180, [&](auto) { return std::round(noise(random)); }));
  std::vector<double> values(180);
  for (std::size_t size = 0; size < whole.size() - 1; ++size)
    EXPECT_FALSE(decode_values(whole.substr(0, size), values).has_value()) << size;
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    (void)decode_values(damaged, values);  // any answer, but no crash
  }
}

}  // namespace
}  // namespace fairlead::observe
