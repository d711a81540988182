#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/strings.h"

namespace airdata {

using namespace fairlead;

namespace {
constexpr Duration kInterval = 100ms;
constexpr std::uint64_t kWidth = 24;
}  // namespace

Progress::Progress(std::uint64_t total) : total_(total), visible_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (visible_) std::fputs("\r\033[K", stderr);
}

void Progress::update(std::uint64_t bytes, std::uint64_t rows) {
  const Instant time = now();
  if (!visible_ || time < next_) return;
  next_ = time + kInterval;
  const double seconds = std::chrono::duration<double>(time - since_).count() + 1e-9;
  auto line = fmt::format("{} rows, {:.0f} rows/s", rows, static_cast<double>(rows) / seconds);
  if (total_ > 0 && bytes > 0) {
    const double done = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total_));
    const auto filled = static_cast<std::size_t>(done * kWidth);
    const auto left = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(seconds / done - seconds));
    line = fmt::format("[{}{}] {:3.0f} %  {}  {} left", std::string(filled, '#'),
                       std::string(kWidth - filled, '.'), done * 100, line, human(left));
  }
  fmt::print(stderr, "\r{}\033[K", line);
  std::fflush(stderr);
}

}  // namespace airdata
