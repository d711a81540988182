#include "telemetry/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace fairlead::telemetry {

// Counted is the value less one, so that a bucket's upper bound, inclusive, can be a power of two.
// Values below 8 have a bucket each; from there on the bucket is the position of the highest bit
// followed by the three bits after it.
std::size_t Histogram::bucket_of(std::uint64_t microseconds) {
  const std::uint64_t value = microseconds == 0 ? 0 : microseconds - 1;
  if (value < (1u << kSplitBits)) return value;
  const auto exponent = static_cast<std::size_t>(std::bit_width(value)) - 1 - kSplitBits;
  return std::min<std::size_t>((exponent << kSplitBits) + (value >> exponent), kBuckets - 1);
}

std::uint64_t Histogram::upper_bound(std::size_t bucket) {
  if (bucket < (1u << kSplitBits)) return bucket + 1;
  const std::size_t exponent = (bucket >> kSplitBits) - 1;
  const std::uint64_t mantissa = (bucket & ((1u << kSplitBits) - 1)) | (1u << kSplitBits);
  return (mantissa + 1) << exponent;
}

void Histogram::record(Duration duration) {
  const auto nanoseconds = static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
  // Rounded up, so that "at most 2^n µs" means what it says.
  buckets_[bucket_of((nanoseconds + 999) / 1000)].add();
  count_.add();
  sum_nanoseconds_.add(nanoseconds);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i].add(other.buckets_[i].value());
  count_.add(other.count_.value());
  sum_nanoseconds_.add(other.sum_nanoseconds_.value());
}

Duration Histogram::quantile(double q) const {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.value();
  if (total == 0) return Duration::zero();
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(q * static_cast<double>(total) + 0.9999999));
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (bucket + 1 < kBuckets && (seen += buckets_[bucket].value()) < rank) ++bucket;
  return std::chrono::microseconds(upper_bound(bucket));
}

std::uint64_t Histogram::count_up_to(Duration bound) const {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(bound).count();
  if (micros <= 0) return 0;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i <= bucket_of(static_cast<std::uint64_t>(micros)); ++i)
    seen += buckets_[i].value();
  return seen;
}

namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
  }
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  suffix_ = type == "counter" ? "_total" : type == "info" ? "_info" : "";
  fmt::format_to(std::back_inserter(text_), "# TYPE {} {}\n", name, type);
  for (const std::string_view unit : {"seconds", "bytes"})
    if (name.ends_with(unit))
      fmt::format_to(std::back_inserter(text_), "# UNIT {} {}\n", name, unit);
  fmt::format_to(std::back_inserter(text_), "# HELP {} ", name);
  append_escaped(text_, help);
  text_ += '\n';
}

void MetricsText::line(std::string_view suffix, std::span<const Label> labels,
                       std::string_view last_label, std::string_view last_value,
                       std::string_view number) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  const auto add = [&](std::string_view label, std::string_view value) {
    text_ += separator;
    separator = ',';
    text_ += label;
    text_ += "=\"";
    append_escaped(text_, value);
    text_ += '"';
  };
  for (const auto& [label, value] : labels) add(label, value);
  if (!last_label.empty()) add(last_label, last_value);
  if (separator == ',') text_ += '}';
  text_ += ' ';
  text_ += number;
  text_ += '\n';
}

void MetricsText::sample(const Histogram& histogram, Labels labels) {
  const std::span<const Label> all{labels.begin(), labels.size()};
  // 2^6 µs (64 µs) to 2^26 µs (67 s): 21 buckets, a factor of two apart.
  for (unsigned power = 6; power <= 26; ++power) {
    const auto bound = std::chrono::microseconds(1L << power);
    line("_bucket", all, "le", fmt::format("{}", std::chrono::duration<double>(bound).count()),
         fmt::format("{}", histogram.count_up_to(bound)));
  }
  line("_bucket", all, "le", "+Inf", fmt::format("{}", histogram.count()));
  line("_count", all, {}, {}, fmt::format("{}", histogram.count()));
  line("_sum", all, {}, {},
       fmt::format("{}", std::chrono::duration<double>(histogram.sum()).count()));
}

std::string MetricsText::finish() {
  text_ += "# EOF\n";
  return std::exchange(text_, {});
}

}  // namespace fairlead::telemetry
