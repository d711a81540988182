// fairlead-launch: process 1 of the images that `fairlead image` makes. It is linked statically and
// stands in images that hold nothing else: no shell, no curl.
//
//   fairlead-launch COMMAND…       runs the command, with secrets as variables, and drains it
//   fairlead-launch --probe PATH   exit status 0 when 127.0.0.1:$PORT answers PATH with 2xx;
//                                  without a PATH, when it accepts
//
// Secrets: each file of /run/secrets that is named like a variable becomes one, where none of that
// name is set. `{secret:NAME}` in the value of a variable becomes that secret, percent-encoded, as
// in DATABASE_URL=postgresql://shop:{secret:POSTGRES_PASSWORD}@db/shop.
// Draining: SIGTERM reaches the command FAIRLEAD_DRAIN seconds later. It goes on serving until
// those who find it by name have noticed that it goes.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr const char* kSecrets = "/run/secrets";
constexpr int kProbeSeconds = 2;
constexpr int kNotFound = 127;  // as shells say it

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "fairlead-launch: %s: %s\n", what.c_str(), std::strerror(errno));
  std::_Exit(kNotFound);
}

std::string read_all(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is_variable(std::string_view name) {
  return !name.empty() && (name[0] < '0' || name[0] > '9') &&
         name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
             std::string_view::npos;
}

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

// `value` with every {secret:NAME} replaced; a name that is not known stays.
std::string with_secrets(std::string_view value) {
  static constexpr std::string_view kOpen = "{secret:";
  std::string out;
  for (;;) {
    const auto open = value.find(kOpen);
    const auto close = value.find('}', open);
    if (open == std::string_view::npos || close == std::string_view::npos) return out.append(value);
    const std::string name(value.substr(open + kOpen.size(), close - open - kOpen.size()));
    const char* secret = std::getenv(name.c_str());
    out.append(value.substr(0, open));
    out.append(secret ? percent_encoded(secret)
                      : std::string(value.substr(open, close + 1 - open)));
    value.remove_prefix(close + 1);
  }
}

void take_secrets() {
  if (DIR* folder = ::opendir(kSecrets)) {
    while (const dirent* entry = ::readdir(folder))
      if (is_variable(entry->d_name))
        ::setenv(entry->d_name, read_all(std::string(kSecrets) + "/" + entry->d_name).c_str(), 0);
    ::closedir(folder);
  }
  std::vector<std::pair<std::string, std::string>> changed;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view line = *entry;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || !line.contains("{secret:")) continue;
    changed.emplace_back(line.substr(0, equals), with_secrets(line.substr(equals + 1)));
  }
  for (const auto& [name, value] : changed) ::setenv(name.c_str(), value.c_str(), 1);
}

long number_in(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::strtol(text, nullptr, 10) : otherwise;
}

int probe(const char* path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{.tv_sec = kProbeSeconds, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(number_in("PORT", 8080)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("probe");
  if (!path) return 0;
  const std::string request = std::string("GET ") + path +
                              " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: fairlead-launch\r\n"
                              "Connection: close\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) die("probe");
  char head[12];  // "HTTP/1.1 200"
  if (::recv(fd, head, sizeof head, MSG_WAITALL) != sizeof head) die("probe");
  if (head[9] == '2') return 0;
  std::fprintf(stderr, "fairlead-launch: %s answers %.3s\n", path, head + 9);
  return 1;
}

int exit_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Passes signals on, the first SIGTERM late, until the command has ended; collects what orphans
// leave to process 1.
int look_after(pid_t command, const sigset_t& signals) {
  const long drain = number_in("FAIRLEAD_DRAIN", 0);
  timespec term_at{};  // when to pass SIGTERM on; 0: not asked yet
  for (;;) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    timespec patience{.tv_sec = 3600, .tv_nsec = 0};
    if (term_at.tv_sec != 0)
      patience.tv_sec = term_at.tv_sec > now.tv_sec ? term_at.tv_sec - now.tv_sec : 0;
    const int signal = ::sigtimedwait(&signals, nullptr, &patience);
    if (signal == SIGCHLD) {
      int status = 0;
      for (pid_t ended; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;)
        if (ended == command) return exit_code(status);
    } else if (signal == SIGTERM && term_at.tv_sec == 0 && drain > 0) {
      term_at.tv_sec = now.tv_sec + drain;
    } else if (signal > 0) {
      ::kill(command, signal);
    } else if (errno == EAGAIN && term_at.tv_sec != 0) {
      ::kill(command, SIGTERM);
      term_at.tv_sec = now.tv_sec + 3600;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: fairlead-launch COMMAND…, or --probe [PATH]\n");
    return 2;
  }
  if (std::strcmp(argv[1], "--probe") == 0) return probe(argc > 2 ? argv[2] : nullptr);
  take_secrets();
  sigset_t signals, before;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD})
    sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t command = ::fork();
  if (command < 0) die("fork");
  if (command == 0) {
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::execvp(argv[1], argv + 1);
    die(argv[1]);
  }
  return look_after(command, signals);
}
