// What a process writes to stdout and stderr, line by line, over a FIFO with a name: it outlives
// control, so that a process that goes on without control neither dies of SIGPIPE nor loses a line
// (up to the FIFO's capacity; then it waits), and the next control reads on.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "io/loop.h"

namespace fairlead::supervise {

class Output final : private io::Watcher {
 public:
  // Lines without newlines, views for the time of the call. A line longer than 16 KiB comes in
  // pieces.
  using OnLines = std::function<void(std::span<const std::string_view> lines)>;

  // Makes the FIFO, or opens the one that is there with what is still in it.
  static Result<std::unique_ptr<Output>> open(io::Loop& loop, std::filesystem::path fifo,
                                              OnLines on_lines);
  ~Output();

  // For the child's stdout and stderr; blocking, and open for both directions so that the FIFO
  // always has a reader. Close it after the spawn.
  Result<UniqueFd> child_end() const;
  // Takes all there is now, the unfinished last line too: after the process has ended.
  void drain();
  // The newest lines, oldest first.
  std::vector<std::string> last_lines(std::size_t count) const;
  // Starts the newest lines anew: those of a new run are not those of the last one.
  void forget() { recent_.clear(); }

 private:
  Output(io::Loop& loop, std::filesystem::path fifo, OnLines on_lines);
  void on_ready(std::uint32_t events) override;
  bool read_some();
  void take_lines(bool also_unfinished);

  io::Loop& loop_;
  std::filesystem::path fifo_;
  OnLines on_lines_;
  UniqueFd fd_;
  std::string buffer_;  // an unfinished line
  std::deque<std::string> recent_;
};

}  // namespace fairlead::supervise
