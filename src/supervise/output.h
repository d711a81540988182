// What a process writes to stdout and stderr, line by line, over a FIFO with a name: it outlives
// control, so that a process that goes on without control neither dies of SIGPIPE nor loses a line
// (up to the FIFO's capacity; then it waits), and the next control reads on.
//
//   process → FIFO → spool (a file) → log book
//
// Between FIFO and log book control may be killed at any moment. So bytes leave the FIFO by
// splice() into the spool alone, which the kernel does whole or not at all, and leave the spool
// once the log says up to where it has kept them: nothing is lost, nothing comes twice.
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
#include "supervise/log_book.h"

namespace fairlead::supervise {

class Output final : private io::Watcher {
 public:
  // What the log does not take (a full disk) waits here, at most so many bytes; then it is dropped,
  // and how much is the next line that can be kept.
  static constexpr std::uint64_t kMostSpooled = 64 << 20;

  // Lines without newlines, views for the time of the call. A line longer than 16 KiB comes in
  // pieces.
  using OnLines = std::function<void(std::span<const std::string_view> lines)>;

  // Makes the FIFO, or opens the one that is there with what is still in it and its spool. `name`
  // is the process's in the book, which outlives the output.
  static Result<std::unique_ptr<Output>> open(io::Loop& loop, std::filesystem::path fifo,
                                              LogBook& book, std::string name,
                                              OnLines on_lines = nullptr);
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
  Output(io::Loop& loop, std::filesystem::path fifo, LogBook& book, std::string name,
         OnLines on_lines);
  void on_ready(std::uint32_t events) override;
  Result<> open_spool();
  bool spool_some();
  void throw_away();
  void read_spool(bool also_unfinished);
  bool hand_over(std::span<const std::string_view> lines, std::uint64_t position);
  void free_kept();

  io::Loop& loop_;
  const std::filesystem::path fifo_;
  const std::string spool_;
  LogBook& book_;
  const std::string name_;
  OnLines on_lines_;
  UniqueFd fd_;
  UniqueFd spool_fd_;
  std::uint64_t spooled_ = 0;  // where the spool ends
  std::uint64_t taken_ = 0;    // up to where the log has taken it
  std::uint64_t freed_ = 0;    // up to where its blocks are given back
  std::uint64_t dropped_ = 0;  // bytes, since the last line that was kept
  io::Timer retry_;
  std::deque<std::string> recent_;
};

}  // namespace fairlead::supervise
