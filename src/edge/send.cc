#include "edge/send.h"

#include <array>

namespace fairlead::edge {

namespace {

// Small parts are cheaper to copy together than to describe to the kernel; TLS makes a record and
// a system call of each part.
constexpr std::size_t kCopyBelow = 4 * 1024;
constexpr std::size_t kCopyBelowTls = 16 * 1024;
constexpr std::size_t kMaxParts = 16;

io::IoResult write_parts(io::Transport& transport, std::span<const std::string_view> parts,
                         std::size_t total) {
  if (total <= (transport.is_tls() ? kCopyBelowTls : kCopyBelow)) {
    char together[kCopyBelowTls];
    char* end = together;
    for (std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
    return transport.write({together, total});
  }
  std::array<iovec, kMaxParts> vectors;
  std::size_t count = 0;
  for (std::string_view part : parts) {
    if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
  }
  return transport.write(std::span<const iovec>(vectors.data(), count));
}

}  // namespace

SendResult send_parts(io::Transport& transport, std::span<const std::string_view> parts,
                      std::string& backlog) {
  std::size_t total = 0;
  std::size_t filled = 0;
  std::string_view only;
  for (std::string_view part : parts) {
    if (part.empty()) continue;
    total += part.size();
    only = part;
    ++filled;
  }
  if (total == 0) return {};
  io::IoResult result{io::IoStatus::kWouldBlock};
  if (backlog.empty()) {
    result = filled == 1 ? transport.write(only) : write_parts(transport, parts, total);
    if (result.status == io::IoStatus::kFailed) return {0, true};
  }
  if (result.bytes == total) return {total};
  std::size_t skip = result.bytes;
  for (std::string_view part : parts) {
    const std::size_t gone = std::min(skip, part.size());
    skip -= gone;
    backlog += part.substr(gone);
  }
  return {result.bytes};
}

SendResult send_backlog(io::Transport& transport, std::string& backlog) {
  std::size_t sent = 0;
  while (sent < backlog.size()) {
    const io::IoResult result = transport.write(std::string_view(backlog).substr(sent));
    if (result.status == io::IoStatus::kFailed) return {sent, true};
    if (result.status != io::IoStatus::kDone) break;
    sent += result.bytes;
  }
  if (sent == backlog.size()) {
    backlog = std::string();  // gives the memory back
  } else {
    backlog.erase(0, sent);
  }
  return {sent};
}

}  // namespace fairlead::edge
