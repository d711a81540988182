#include "harden/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "harden/firewall.h"

namespace fairlead::harden {

namespace fs = std::filesystem;

namespace {

constexpr std::pair<const char*, const char*> kKernelSettings[] = {
    {"net.ipv4.tcp_syncookies", "1"},
    {"net.ipv4.conf.all.rp_filter", "2"},
    {"net.ipv4.conf.all.accept_redirects", "0"},
    {"net.ipv4.conf.all.send_redirects", "0"},
    {"net.ipv4.conf.all.accept_source_route", "0"},
    {"net.ipv6.conf.all.accept_redirects", "0"},
    {"net.ipv4.icmp_echo_ignore_broadcasts", "1"},
    {"kernel.kptr_restrict", "1"},
    {"kernel.dmesg_restrict", "1"},
    {"kernel.yama.ptrace_scope", "1"},
    {"fs.protected_hardlinks", "1"},
    {"fs.protected_symlinks", "1"},
    {"fs.suid_dumpable", "0"},
};

fs::path setting_path(std::string name) {
  std::ranges::replace(name, '.', '/');
  return fs::path("proc/sys") / name;
}

constexpr const char* kUpdates = R"(// Made by 'fairlead harden'.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
)";

constexpr const char* kUnit = R"([Unit]
Description=Host firewall of fairlead harden
Wants=network-pre.target
Before=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/fairlead/firewall.nft

[Install]
WantedBy=multi-user.target
)";

struct Account {
  std::string name;
  fs::path home;
};

std::vector<Account> accounts(const fs::path& root) {
  std::vector<Account> found;
  const std::string text = read_file(root / "etc/passwd").value_or("");
  for (const auto line : split(text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() >= 7) found.push_back({std::string(parts[0]), fs::path(parts[5])});
  }
  return found;
}

bool has_key(const std::string& authorized_keys) {
  return std::ranges::any_of(split(authorized_keys, '\n'), [](std::string_view line) {
    const auto text = trim(line);
    return !text.empty() && !text.starts_with('#');
  });
}

// The `Port` lines of sshd's files, as sshd reads them: all count.
std::vector<std::uint16_t> ssh_ports(const fs::path& root) {
  std::vector<std::uint16_t> ports;
  const auto read = [&](const fs::path& file) {
    const std::string text = read_file(file).value_or("");
    for (const auto line : split(text, '\n')) {
      const auto words = trim(line);
      if (!iequals(words.substr(0, 5), "port ")) continue;
      if (const auto port = parse_unsigned(trim(words.substr(5))); port && *port <= 65535)
        ports.push_back(static_cast<std::uint16_t>(*port));
    }
  };
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(root / "etc/ssh/sshd_config.d", ignored))
    read(file.path());
  read(root / "etc/ssh/sshd_config");
  if (ports.empty()) ports.push_back(22);
  std::ranges::sort(ports);
  ports.erase(std::ranges::unique(ports).begin(), ports.end());
  return ports;
}

class Planner {
 public:
  Planner(const Wishes& wishes, const Session& session) : wishes_(wishes), session_(session) {
    plan_.root = wishes.root;
    plan_.ssh_ports = ssh_ports(wishes.root);
    accounts_ = accounts(wishes.root);
  }

  Result<Plan> make() {
    TRY_VOID(add_users());
    if (wishes_.ssh) TRY_VOID(add_ssh());
    if (wishes_.updates) add_updates();
    if (wishes_.kernel) add_kernel();
    if (wishes_.firewall) TRY_VOID(add_firewall());
    return std::move(plan_);
  }

 private:
  const Account* account(std::string_view name) const {
    const auto found = std::ranges::find(accounts_, name, &Account::name);
    return found == accounts_.end() ? nullptr : &*found;
  }

  void add_file(std::string what, const fs::path& path, std::string content, int mode = 0644,
                std::string owner = {}) {
    const auto now = read_file(plan_.root / path);
    if (now && *now == content) return;
    plan_.changes.push_back({.kind = Change::Kind::kFile,
                             .what = std::move(what),
                             .path = path,
                             .content = std::move(content),
                             .mode = mode,
                             .owner = std::move(owner),
                             .name = {}});
  }

  fs::path keys_file(std::string_view user) const {
    const Account* known = account(user);
    const fs::path home = known ? known->home : fs::path("/home") / user;
    return home.relative_path() / ".ssh/authorized_keys";
  }

  Result<> add_users() {
    for (const User& user : wishes_.users) {
      if (!account(user.name))
        plan_.changes.push_back({.kind = Change::Kind::kUser,
                                 .what = fmt::format("a user '{}'", user.name),
                                 .path = {},
                                 .content = {},
                                 .owner = {},
                                 .name = user.name});
      std::string keys = read_file(plan_.root / keys_file(user.name)).value_or("");
      if (!keys.empty() && !keys.ends_with('\n')) keys += '\n';
      for (const std::string& key : user.keys)
        if (keys.find(key) == std::string::npos) keys += key + "\n";
      add_file(fmt::format("SSH keys of '{}'", user.name), keys_file(user.name), keys, 0600,
               user.name);
    }
    return {};
  }

  // Whether that user can log in by key once the plan is carried out.
  bool will_have_key(std::string_view user) const {
    const bool brings = std::ranges::any_of(
        wishes_.users, [&](const User& u) { return u.name == user && !u.keys.empty(); });
    return brings || has_key(read_file(plan_.root / keys_file(user)).value_or(""));
  }

  Result<> add_ssh() {
    if (!fs::exists(plan_.root / "etc/ssh/sshd_config")) {
      plan_.notes.push_back("there is no sshd here: nothing to change about it");
      return {};
    }
    const std::string main = read_file(plan_.root / "etc/ssh/sshd_config").value_or("");
    if (main.find("sshd_config.d/") == std::string::npos)
      return fail(Error(Code::kInvalid, "sshd_config does not include sshd_config.d")
                      .hint("add this as its first line: Include /etc/ssh/sshd_config.d/*.conf"));
    std::vector<std::string> allowed;
    for (const User& user : wishes_.users) allowed.push_back(user.name);
    if (allowed.empty())
      for (const Account& known : accounts_)
        if (will_have_key(known.name)) allowed.push_back(known.name);
    if (std::ranges::none_of(allowed, [&](const auto& name) { return will_have_key(name); }))
      return fail(Error(Code::kDenied, "nobody could log in by SSH any more: no user has a key")
                      .hint("name users with their keys: --users FILE"));
    if (session_.ssh_port && std::ranges::find(allowed, session_.user) == allowed.end())
      return fail(Error(Code::kDenied, fmt::format("'{}', who is logged in by SSH now, could not "
                                                   "log in again: he is not among the users",
                                                   session_.user))
                      .hint("add him and his key to --users FILE"));
    if (session_.ssh_port && !will_have_key(session_.user))
      return fail(Error(Code::kDenied,
                        fmt::format("'{}', who is logged in by SSH now, has no key: he could not "
                                    "log in again",
                                    session_.user))
                      .hint("add him and his key to --users FILE"));
    add_file("SSH: keys only, no root password, these users", kSshFile,
             fmt::format("# Made by 'fairlead harden'; taken away by 'fairlead harden undo'.\n"
                         "PasswordAuthentication no\n"
                         "KbdInteractiveAuthentication no\n"
                         "PermitEmptyPasswords no\n"
                         "PermitRootLogin prohibit-password\n"
                         "MaxAuthTries 4\n"
                         "LoginGraceTime 30\n"
                         "X11Forwarding no\n"
                         "AllowUsers {}\n",
                         fmt::join(allowed, " ")));
    return {};
  }

  void add_updates() {
    if (!fs::exists(plan_.root / "etc/apt")) {
      plan_.notes.push_back("there is no apt here: security updates stay as they are");
      return;
    }
    if (!fs::exists(plan_.root / "usr/bin/unattended-upgrade"))
      plan_.changes.push_back({.kind = Change::Kind::kPackage,
                               .what = "the package unattended-upgrades",
                               .path = {},
                               .content = {},
                               .owner = {},
                               .name = "unattended-upgrades"});
    add_file("security updates without being asked", "etc/apt/apt.conf.d/60fairlead-upgrades",
             kUpdates);
  }

  void add_kernel() {
    std::string lines = "# Made by 'fairlead harden'.\n";
    for (const auto& [name, value] : kKernelSettings) {
      const fs::path path = setting_path(name);
      if (!fs::exists(plan_.root / path)) continue;
      lines += fmt::format("{} = {}\n", name, value);
      add_file(fmt::format("kernel: {} now", name), path, fmt::format("{}\n", value));
    }
    add_file("kernel settings at each start", "etc/sysctl.d/60-fairlead.conf", std::move(lines));
  }

  Result<> add_firewall() {
    if (session_.ssh_port &&
        std::ranges::find(plan_.ssh_ports, *session_.ssh_port) == plan_.ssh_ports.end())
      plan_.ssh_ports.push_back(*session_.ssh_port);
    if (fs::exists(plan_.root / "etc/systemd/system"))
      add_file("the firewall at each start", kFirewallUnit, kUnit);
    add_file(fmt::format("a firewall: SSH ({}), {}, ICMP; nothing else comes in",
                         fmt::join(plan_.ssh_ports, ", "), fmt::join(wishes_.ports, ", ")),
             kFirewallFile, firewall_rules(plan_.ssh_ports, wishes_.ports));
    return {};
  }

  const Wishes& wishes_;
  const Session& session_;
  std::vector<Account> accounts_;
  Plan plan_;
};

}  // namespace

Result<std::vector<User>> parse_users(std::string_view text) {
  std::vector<User> users;
  std::size_t number = 0;
  for (const auto raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const auto space = line.find(' ');
    const auto name = line.substr(0, space);
    const auto key = space == std::string_view::npos ? "" : trim(line.substr(space));
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    if (name.size() > 32 || name.starts_with('-') || !std::ranges::all_of(name, fits))
      return fail(Code::kInvalid, fmt::format("line {}: '{}' is no user's name", number, name));
    const bool is_key =
        key.starts_with("ssh-") || key.starts_with("ecdsa-") || key.starts_with("sk-");
    if (!is_key || key.find(' ') == std::string_view::npos)
      return fail(
          Error(Code::kInvalid, fmt::format("line {}: no SSH key behind '{}'", number, name))
              .hint("a line is: NAME ssh-ed25519 AAAA… COMMENT"));
    auto user = std::ranges::find(users, name, &User::name);
    if (user == users.end()) user = users.insert(users.end(), {std::string(name), {}});
    user->keys.emplace_back(key);
  }
  return users;
}

Session present_session() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  Session session;
  session.user = variable("SUDO_USER");
  if (session.user.empty()) session.user = variable("USER");
  if (session.user.empty()) session.user = "root";
  // "client-address client-port server-address server-port"
  const std::string connection = variable("SSH_CONNECTION");
  const auto words = split(connection, ' ');
  if (words.size() == 4)
    if (const auto port = parse_unsigned(words[3]); port && *port <= 65535)
      session.ssh_port = static_cast<std::uint16_t>(*port);
  return session;
}

Result<Plan> make_plan(const Wishes& wishes, const Session& session) {
  return Planner(wishes, session).make();
}

std::string to_text(const Plan& plan) {
  std::string text;
  const auto add_lines = [&](char sign, const std::string& content) {
    for (const auto line : split(content, '\n'))
      if (!line.empty()) text += fmt::format("    {} {}\n", sign, line);
  };
  for (const Change& change : plan.changes) {
    text += fmt::format("  {}\n", change.what);
    if (change.kind != Change::Kind::kFile) continue;
    text += fmt::format("    /{}\n", change.path.native());
    if (const auto now = read_file(plan.root / change.path)) add_lines('-', *now);
    add_lines('+', change.content);
  }
  for (const std::string& note : plan.notes) text += fmt::format("  note: {}\n", note);
  return text;
}

}  // namespace fairlead::harden
