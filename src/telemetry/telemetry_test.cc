#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "base/unique_fd.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace fairlead::telemetry {
namespace {

using testing::HasSubstr;

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  // What was written, up to the end or `count` lines.
  std::string read_lines(std::size_t count) {
    std::string text;
    char buffer[4096];
    while (static_cast<std::size_t>(std::ranges::count(text, '\n')) < count) {
      const auto n = ::read(reader.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }
  UniqueFd reader, writer;
};

TEST(Log, WritesOneJsonObjectPerLine) {
  Pipe pipe;
  Log log(pipe.writer.get(), Level::kInfo, {{"service", "visitors"}});
  log.debug("left out");
  log.warn("slow", {{"took", 1500ms}, {"status", 503u}, {"left", -1}, {"ok", false}, {"n", 0.5}});
  EXPECT_THAT(pipe.read_lines(1),
              testing::MatchesRegex(
                  "\\{\"time\":\"[-0-9T:.]+Z\",\"level\":\"warn\",\"service\":\"visitors\","
                  "\"message\":\"slow\",\"took\":1.5,\"status\":503,\"left\":-1,\"ok\":false,"
                  "\"n\":0.5\\}\n"));
}

TEST(Log, IsValidJsonWhateverTheTextHolds) {
  std::string out;
  static constexpr char kText[] = "a\"\\\n\x01\x7f\xff\xc3\xa9\xed\xa0\x80z";  // with its NUL
  append_json_string(out, std::string_view(kText, sizeof kText));
  EXPECT_EQ(out,
            "\"a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"
            "\\u0000\"");
}

TEST(Log, LinesOfThreadsDoNotMix) {
  Pipe pipe;
  Log log(pipe.writer.get());
  const std::string long_text(9000, 'x');
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) log.info(long_text);
    });
  std::string_view expected_end = "x\"}\n";
  const std::string text = pipe.read_lines(100);
  std::size_t lines = 0;
  for (std::size_t start = 0; start < text.size(); ++lines) {
    const auto end = text.find('\n', start) + 1;
    const auto line = std::string_view(text).substr(start, end - start);
    ASSERT_TRUE(line.starts_with("{\"time\":") && line.ends_with(expected_end));
    ASSERT_EQ(std::ranges::count(line, 'x'), 9000);
    start = end;
  }
  EXPECT_EQ(lines, 100u);
}

TEST(Log, CountsWhatItCouldNotWrite) {
  Log log(-1);
  log.info("nowhere");
  EXPECT_EQ(log.dropped(), 1u);
}

TEST(Histogram, QuantilesAreAtMostAnEighthTooHigh) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0ns);
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::microseconds(i * 100));
  for (const double q : {0.01, 0.5, 0.99, 1.0}) {
    const double exact = q * 100'000e3;
    const auto found = static_cast<double>(histogram.quantile(q).count());
    EXPECT_GE(found, exact) << q;
    EXPECT_LE(found, exact * 1.125) << q;
  }
  EXPECT_EQ(histogram.count(), 1000u);
  EXPECT_EQ(histogram.sum(), 50'050ms);
}

TEST(Histogram, CountsExactlyUpToPowersOfTwo) {
  Histogram histogram;
  for (const auto duration : {Duration(0), Duration(1024us), Duration(1024us + 1ns), Duration(3h)})
    histogram.record(duration);
  EXPECT_EQ(histogram.count_up_to(512us), 1u);
  EXPECT_EQ(histogram.count_up_to(1024us), 2u);
  EXPECT_EQ(histogram.count_up_to(2048us), 3u);
}

TEST(Histogram, MergesWhatSeveralLoopsCounted) {
  Histogram a, b;
  a.record(1ms);
  b.record(1s);
  a.merge(b);
  EXPECT_EQ(a.count(), 2u);
  EXPECT_EQ(a.sum(), 1001ms);
  EXPECT_GE(a.quantile(1), 1s);
}

TEST(MetricsText, IsOpenMetrics) {
  MetricsText text;
  text.counter("requests", "Requests \"answered\"\nby status.");
  text.sample(7u, {{"status", "200"}, {"path", "/a\\b\"c"}});
  text.gauge("memory_bytes", "In use.");
  text.sample(1.5);
  EXPECT_EQ(text.finish(),
            "# TYPE requests counter\n"
            "# HELP requests Requests \\\"answered\\\"\\nby status.\n"
            "requests_total{status=\"200\",path=\"/a\\\\b\\\"c\"} 7\n"
            "# TYPE memory_bytes gauge\n# UNIT memory_bytes bytes\n# HELP memory_bytes In use.\n"
            "memory_bytes 1.5\n# EOF\n");
}

TEST(MetricsText, WritesCumulativeBuckets) {
  Histogram histogram;
  histogram.record(1ms);
  histogram.record(1h);
  MetricsText text;
  text.histogram("wait_seconds", "Time waited.");
  text.sample(histogram, {{"route", "/"}});
  const std::string out = text.finish();
  EXPECT_THAT(out, HasSubstr("wait_seconds_bucket{route=\"/\",le=\"0.000512\"} 0\n"));
  EXPECT_THAT(out, HasSubstr("wait_seconds_bucket{route=\"/\",le=\"0.001024\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("wait_seconds_bucket{route=\"/\",le=\"67.108864\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("wait_seconds_bucket{route=\"/\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(out, HasSubstr("wait_seconds_count{route=\"/\"} 2\n"));
  EXPECT_THAT(out, HasSubstr("wait_seconds_sum{route=\"/\"} 3600.001\n"));
}

}  // namespace
}  // namespace fairlead::telemetry
