// A crowd: one GET from each of so many addresses, each on a connection of its own, at a steady
// rate. The addresses are those of 10.0.0.0/8 from 10.128.0.0 on, which have to be local here and
// routed back by the other side.
//
//   bench_flood HOST PORT ADDRESSES PER_SECOND
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/clock.h"

namespace {

using namespace fairlead;

constexpr std::string_view kRequest = "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::uint32_t kFirst = 0x0a800000;
constexpr std::size_t kMaxOpen = 4000;
constexpr Duration kPatience = 2s;

struct Outcome {
  std::uint64_t answered = 0, limited = 0, refused = 0, silent = 0;
};

class Crowd {
 public:
  Crowd(sockaddr_in target, std::uint32_t addresses, double per_second)
      : target_(target), left_(addresses), per_second_(per_second), epoll_(::epoll_create1(0)) {}

  Outcome run() {
    const Instant start = now();
    std::uint64_t begun = 0;
    while (left_ > 0 || !open_.empty()) {
      const double due = std::chrono::duration<double>(now() - start).count() * per_second_;
      while (left_ > 0 && static_cast<double>(begun) < due && open_.size() < kMaxOpen) {
        begin(kFirst + static_cast<std::uint32_t>(begun++));
        --left_;
      }
      take_events();
      give_up();
    }
    return outcome_;
  }

 private:
  void begin(std::uint32_t source) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const linger reset{.l_onoff = 1, .l_linger = 0};  // no TIME_WAIT by the million
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(source);
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) {
      fmt::print(stderr, "cannot be {:#x}: is 10.0.0.0/8 local?\n", source);
      std::exit(1);
    }
    ::connect(fd, reinterpret_cast<const sockaddr*>(&target_), sizeof target_);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    open_[fd] = now();
  }

  void take_events() {
    std::array<epoll_event, 256> events;
    const int n = ::epoll_wait(epoll_, events.data(), events.size(), 1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      char answer[512];
      const ssize_t size = ::recv(fd, answer, sizeof answer, 0);
      if (size > 12) {
        ++(std::string_view(answer, 12).ends_with("429") ? outcome_.limited : outcome_.answered);
        end(fd);
      } else if (size >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
        ++outcome_.refused;
        end(fd);
      } else if (events[i].events & EPOLLOUT) {
        ::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
      }
    }
  }

  void give_up() {
    if (now() < next_look_) return;
    next_look_ = now() + 100ms;
    for (auto each = open_.begin(); each != open_.end();) {
      const auto [fd, since] = *each++;
      if (now() - since < kPatience) continue;
      ++outcome_.silent;
      end(fd);
    }
  }

  void end(int fd) {
    ::close(fd);
    open_.erase(fd);
  }

  const sockaddr_in target_;
  std::uint32_t left_;
  const double per_second_;
  const int epoll_;
  std::unordered_map<int, Instant> open_;
  Instant next_look_{};
  Outcome outcome_;
};

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  if (argc != 5 || ::inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) {
    fmt::print(stderr, "usage: {} HOST PORT ADDRESSES PER_SECOND\n", argv[0]);
    return 2;
  }
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  const Outcome outcome =
      Crowd(target, static_cast<std::uint32_t>(std::atol(argv[3])), std::atof(argv[4])).run();
  fmt::print(R"({{"answered":{},"limited":{},"refused":{},"silent":{}}})"
             "\n",
             outcome.answered, outcome.limited, outcome.refused, outcome.silent);
}
