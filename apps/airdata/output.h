// Rows on their way to the client: means, limit, JSON or CSV.
#pragma once

#include <map>
#include <optional>

#include "filter.h"

namespace airdata {

// Collects text to be sent; the caller takes it away as it grows.
class Output {
 public:
  explicit Output(const Filter& filter);

  // Rows in their order. False when no more are wanted.
  bool add(const Measurement& row);
  // After the last row.
  void finish();

  std::string take() { return std::exchange(text_, {}); }
  std::size_t size() const { return text_.size(); }
  // The last row written, if the limit was reached.
  std::optional<Key> reached() const { return left_ == 0 ? last_ : std::nullopt; }

 private:
  struct Sum {
    double sum = 0;
    std::uint64_t count = 0;
  };
  bool write(const Measurement& row);
  void write_bucket();

  const Filter& filter_;
  std::string text_;
  std::int64_t left_;  // -1: no limit
  bool first_ = true;
  std::optional<Key> last_;
  std::optional<Micros> bucket_;
  std::map<std::string, std::array<Sum, kValues.size()>, std::less<>> sums_;  // of the bucket
};

}  // namespace airdata
