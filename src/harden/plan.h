// What `fairlead harden` would change on this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace fairlead::harden {

struct User {
  std::string name;
  std::vector<std::string> keys;  // lines of authorized_keys
};

// A line each: "ada ssh-ed25519 AAAA… ada@laptop"; '#' begins a comment. A name may come again with
// another key. kInvalid names the line.
Result<std::vector<User>> parse_users(std::string_view text);

struct Wishes {
  std::filesystem::path root = "/";              // of the system that is changed
  std::vector<std::uint16_t> ports = {80, 443};  // TCP and UDP (HTTP/3), beside SSH
  std::vector<User> users;                       // who may log in, with whose keys
  bool firewall = true, ssh = true, updates = true, kernel = true;
};

// Who asks, as far as it matters for not locking him out.
struct Session {
  std::string user;                       // who would log in again
  std::optional<std::uint16_t> ssh_port;  // where he came in; nothing: by the console
};
// From the environment: SUDO_USER, USER, SSH_CONNECTION.
Session present_session();

struct Change {
  enum class Kind : std::uint8_t { kFile, kUser, kPackage };
  Kind kind = Kind::kFile;
  std::string what;            // "SSH: keys only, no root password"
  std::filesystem::path path;  // kFile: below the root
  std::string content;         // kFile
  int mode = 0644;             // kFile, if it is new
  std::string owner;           // kFile: a user's file; "": root's
  std::string name;            // kUser, kPackage
};

struct Plan {
  std::filesystem::path root = "/";
  std::vector<std::uint16_t> ssh_ports;  // where sshd listens
  std::vector<Change> changes;           // only what is not so already, in the order of applying
  std::vector<std::string> notes;        // what could not be done here, and why
};

// Looks and changes nothing. kDenied, with the reason, for what would lock the session's user out.
// Blocks.
Result<Plan> make_plan(const Wishes& wishes, const Session& session);

// The plan for people: each change with what is there now ("-") and then ("+").
std::string to_text(const Plan& plan);

// Of files in the plan, below a root.
inline constexpr const char* kFirewallFile = "etc/fairlead/firewall.nft";
inline constexpr const char* kFirewallUnit = "etc/systemd/system/fairlead-firewall.service";
inline constexpr const char* kFirewallWanted =
    "etc/systemd/system/multi-user.target.wants/fairlead-firewall.service";
inline constexpr const char* kSshFile = "etc/ssh/sshd_config.d/10-fairlead.conf";

}  // namespace fairlead::harden
