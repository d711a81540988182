#include "edge/send.h"

#include <array>

namespace fairlead::edge {

namespace {

// Small parts are cheaper to copy together than to describe to the kernel.
constexpr std::size_t kCopyBelow = 4 * 1024;
// TLS makes a record and a system call of each write: a head goes into the record of its body's
// start.
constexpr std::size_t kTlsRecord = 16 * 1024;
constexpr std::size_t kMaxParts = 16;

// What is left to send: the list of parts from a place on.
class Rest {
 public:
  explicit Rest(std::span<const std::string_view> parts) : parts_(parts) { skip_empty(); }
  bool empty() const { return parts_.empty(); }
  std::string_view front() const { return parts_.front().substr(offset_); }

  void remove(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t here = std::min(bytes, front().size());
      offset_ += here;
      bytes -= here;
      skip_empty();
    }
  }
  // Copies the next bytes without removing them.
  std::size_t copy(std::span<char> into) const {
    Rest rest = *this;
    std::size_t copied = 0;
    while (!rest.empty() && copied < into.size()) {
      const std::size_t n = rest.front().copy(into.data() + copied, into.size() - copied);
      copied += n;
      rest.remove(n);
    }
    return copied;
  }
  std::size_t describe(std::array<iovec, kMaxParts>& vectors) const {
    std::size_t count = 0;
    for (Rest rest = *this; !rest.empty() && count < kMaxParts; rest.remove(rest.front().size())) {
      vectors[count++] = {const_cast<char*>(rest.front().data()), rest.front().size()};
    }
    return count;
  }
  void append_to(std::string& out) const {
    for (Rest rest = *this; !rest.empty(); rest.remove(rest.front().size())) out += rest.front();
  }

 private:
  void skip_empty() {
    while (!parts_.empty() && offset_ == parts_.front().size()) {
      parts_ = parts_.subspan(1);
      offset_ = 0;
    }
  }
  std::span<const std::string_view> parts_;
  std::size_t offset_ = 0;
};

// One call for all of it.
io::IoResult write_plain(io::Transport& transport, const Rest& rest, std::size_t total) {
  if (rest.front().size() == total) return transport.write(rest.front());
  if (total <= kCopyBelow) {
    char together[kCopyBelow];
    return transport.write({together, rest.copy(together)});
  }
  std::array<iovec, kMaxParts> vectors;
  return transport.write(std::span<const iovec>(vectors.data(), rest.describe(vectors)));
}

// Record by record, until the socket takes no more.
io::IoResult write_tls(io::Transport& transport, Rest rest) {
  std::size_t sent = 0;
  while (!rest.empty()) {
    char together[kTlsRecord];
    const bool alone = rest.front().size() >= kTlsRecord;
    const io::IoResult result =
        transport.write(alone ? rest.front() : std::string_view(together, rest.copy(together)));
    if (result.status == io::IoStatus::kFailed) return result;
    if (result.status != io::IoStatus::kDone) break;
    sent += result.bytes;
    rest.remove(result.bytes);
  }
  return {io::IoStatus::kDone, sent};
}

}  // namespace

SendResult send_parts(io::Transport& transport, std::span<const std::string_view> parts,
                      std::string& backlog) {
  Rest rest(parts);
  if (rest.empty()) return {};
  if (!backlog.empty()) {
    rest.append_to(backlog);
    return {};
  }
  std::size_t total = 0;
  for (std::string_view part : parts) total += part.size();
  const io::IoResult result =
      transport.is_tls() ? write_tls(transport, rest) : write_plain(transport, rest, total);
  if (result.status == io::IoStatus::kFailed) return {0, true};
  if (result.bytes < total) {
    rest.remove(result.bytes);
    rest.append_to(backlog);
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
