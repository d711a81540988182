#include "supervise/listening.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace fairlead::supervise {

namespace {

struct Listening {
  std::string host;  // "*" for all addresses
  std::uint16_t port = 0;
  uid_t uid = 0;
  std::uint64_t inode = 0;
};

// "0100007F" as the kernel prints it: 32-bit words in the machine's byte order.
std::string host_of(std::string_view hex) {
  if (hex.find_first_not_of('0') == std::string_view::npos) return "*";
  std::uint32_t words[4] = {};
  for (std::size_t i = 0; i < 4 && (i + 1) * 8 <= hex.size(); ++i)
    words[i] = static_cast<std::uint32_t>(parse_unsigned(hex.substr(i * 8, 8), 16).value_or(0));
  char text[INET6_ADDRSTRLEN] = "";
  if (hex.size() == 8)
    ::inet_ntop(AF_INET, words, text, sizeof text);
  else
    ::inet_ntop(AF_INET6, words, text, sizeof text);
  return hex.size() == 8 ? std::string(text) : fmt::format("[{}]", text);
}

// "  sl  local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …"
void read_table(const char* file, std::vector<Listening>& into) {
  const std::string content = read_file(file).value_or("");
  for (const auto line : split(content, '\n')) {
    std::vector<std::string_view> words;
    for (const auto word : split(line, ' '))
      if (!word.empty()) words.push_back(word);
    if (words.size() < 10 || words[3] != "0A") continue;  // 0A: LISTEN
    const auto colon = words[1].find(':');
    if (colon == std::string_view::npos) continue;
    into.push_back({.host = host_of(words[1].substr(0, colon)),
                    .port = static_cast<std::uint16_t>(
                        parse_unsigned(words[1].substr(colon + 1), 16).value_or(0)),
                    .uid = static_cast<uid_t>(parse_unsigned(words[7]).value_or(0)),
                    .inode = parse_unsigned(words[9]).value_or(0)});
  }
}

std::vector<Listening> all_listening() {
  std::vector<Listening> found;
  read_table("/proc/net/tcp", found);
  read_table("/proc/net/tcp6", found);
  return found;
}

// The socket inodes among the descriptors of a process; empty when it may not be looked into.
std::set<std::uint64_t> sockets_of(const std::filesystem::path& process) {
  std::set<std::uint64_t> inodes;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(process / "fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry->path(), ignored);
    if (target.starts_with("socket:[") && target.ends_with("]"))
      inodes.insert(
          parse_unsigned(std::string_view(target).substr(8, target.size() - 9)).value_or(0));
  }
  return inodes;
}

std::string command_of(const std::filesystem::path& process) {
  std::string command = read_file(process / "cmdline").value_or("");
  while (command.ends_with('\0')) command.pop_back();
  std::ranges::replace_if(command, [](char c) { return c >= 0 && c < ' '; }, ' ');
  if (command.size() > 80) command = command.substr(0, 77) + "...";
  return command;
}

}  // namespace

std::optional<PortOwner> owner_of_port(std::uint16_t port) {
  std::set<std::uint64_t> inodes;
  PortOwner owner;
  for (const auto& listening : all_listening())
    if (listening.port == port) {
      inodes.insert(listening.inode);
      owner.uid = listening.uid;
    }
  if (inodes.empty()) return std::nullopt;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto pid = parse_unsigned(entry.path().filename().native());
    if (!pid) continue;
    const auto open = sockets_of(entry.path());
    if (std::ranges::none_of(inodes, [&](auto inode) { return open.contains(inode); })) continue;
    owner.pid = static_cast<pid_t>(*pid);
    owner.command = command_of(entry.path());
    break;
  }
  return owner;
}

std::vector<std::string> listening_addresses(const std::vector<pid_t>& pids) {
  std::set<std::uint64_t> open;
  for (const pid_t pid : pids) open.merge(sockets_of(fmt::format("/proc/{}", pid)));
  std::vector<std::string> addresses;
  for (const auto& listening : all_listening())
    if (open.contains(listening.inode))
      addresses.push_back(fmt::format("{}:{}", listening.host, listening.port));
  return addresses;
}

std::vector<std::uint16_t> open_ports() {
  std::set<std::uint16_t> ports;
  for (const auto& listening : all_listening())
    if (!listening.host.starts_with("127.") && listening.host != "[::1]")
      ports.insert(listening.port);
  return {ports.begin(), ports.end()};
}

std::uint16_t free_port() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (!fd || ::bind(fd.get(), any, size) != 0 || ::getsockname(fd.get(), any, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace fairlead::supervise
