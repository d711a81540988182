#include "harden/apply.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "harden/firewall.h"
#include "harden/journal.h"
#include "io/child.h"
#include "io/sync.h"

namespace fairlead::harden {

namespace fs = std::filesystem;

namespace {

constexpr Duration kCommand = 60s;
constexpr Duration kInstall = std::chrono::minutes(10);

// Runs a command; kUnavailable with what it said when it fails.
Result<> run(std::vector<std::string> argv, Duration patience = kCommand) {
  TRY(const auto loop, io::Loop::create());
  const std::string shown = fmt::format("{}", fmt::join(argv, " "));
  io::ChildSpec spec;
  spec.argv = std::move(argv);
  spec.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C",
                      "DEBIAN_FRONTEND=noninteractive"};
  spec.no_new_privileges = false;
  auto done =
      io::block_on(*loop, io::run_command(*loop, std::move(spec), io::Deadline::in(patience)));
  if (!done) return fail(std::move(done).error().in(shown));
  if (done->status.success()) return {};
  return fail(Code::kUnavailable,
              fmt::format("{}: {}: {}", shown, done->status.to_string(), trim(done->err)));
}

bool is_setting(const fs::path& path) { return path.native().starts_with("proc/sys/"); }

// A kernel setting is written in place; everything else by way of a temporary file.
Result<> write(const fs::path& path, const std::string& bytes, unsigned mode, bool in_place) {
  if (!in_place) {
    TRY_VOID(write_file_atomically(path, bytes, static_cast<int>(mode)));
    if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path.native());
    return {};
  }
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return fail_errno("open " + path.native());
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return fail_errno("write " + path.native());
  return {};
}

bool is_systemd(const fs::path& root) { return root == "/" && fs::exists("/run/systemd/system"); }

// ---- making effective what the files say; the same after applying and after undoing

Result<> load_firewall(const fs::path& root) {
  const fs::path rules = root / kFirewallFile;
  if (fs::exists(rules)) return run({"nft", "-f", rules.native()});
  const fs::path script = root / "var/lib/fairlead/harden/none.nft";
  TRY_VOID(write_file_atomically(
      script, fmt::format("table inet {0} {{ }}\ndelete table inet {0}\n", kFirewallTable), 0600));
  auto done = run({"nft", "-f", script.native()});
  fs::remove(script);
  return done;
}

// Refuses a configuration that sshd does not take. Sessions that are open stay open.
Result<> reload_ssh(const fs::path& root) {
  TRY_VOID(make_directories("/run/sshd"));  // sshd -t wants it even where no sshd was started
  TRY_VOID(run({"/usr/sbin/sshd", "-t", "-f", (root / "etc/ssh/sshd_config").native()}));
  if (is_systemd(root)) return run({"systemctl", "try-reload-or-restart", "ssh.service"});
  const auto pid = read_file(root / "run/sshd.pid", 32);
  const auto number =
      pid ? parse_unsigned(trim(std::string_view(*pid).substr(0, pid->find('\n')))) : std::nullopt;
  if (number) ::kill(static_cast<pid_t>(*number), SIGHUP);
  return {};
}

Result<> link_unit(const fs::path& root) {
  const fs::path wanted = root / kFirewallWanted;
  std::error_code error;
  if (fs::exists(root / kFirewallUnit)) {
    TRY_VOID(make_directories(wanted.parent_path()));
    fs::create_symlink("/etc/systemd/system/fairlead-firewall.service", wanted, error);
  } else {
    fs::remove(wanted, error);
    if (fs::is_empty(wanted.parent_path(), error)) fs::remove(wanted.parent_path(), error);
  }
  return is_systemd(root) ? run({"systemctl", "daemon-reload"}) : Result<>();
}

// The firewall last: all else is ready when it closes.
Result<> make_effective(const fs::path& root, const std::vector<Former>& touched) {
  const auto has = [&](std::string_view path) {
    return std::ranges::find(touched, path, &Former::path) != touched.end();
  };
  if (has(kSshFile)) TRY_VOID(reload_ssh(root));
  if (has(kFirewallUnit)) TRY_VOID(link_unit(root));
  if (has(kFirewallFile)) TRY_VOID(load_firewall(root));
  return {};
}

// ---- one change

Former former_of(const fs::path& root, const Change& change) {
  Former former{.kind = static_cast<Former::Kind>(change.kind),
                .path = change.kind == Change::Kind::kFile ? change.path.native() : change.name,
                .bytes = {},
                .mode = static_cast<unsigned>(change.mode),
                .ours = change.content,
                .folder = {}};
  if (change.kind != Change::Kind::kFile) return former;
  for (fs::path folder = change.path.parent_path(); !folder.empty() && !fs::exists(root / folder);
       folder = folder.parent_path())
    former.folder = folder.native();
  if (auto bytes = read_file(root / change.path)) former.bytes = *std::move(bytes);
  struct stat status{};
  if (::stat((root / change.path).c_str(), &status) == 0) {
    former.mode = status.st_mode & 07777;
    former.uid = status.st_uid;
    former.gid = status.st_gid;
  }
  return former;
}

// A user's file and its folder belong to the user, or sshd does not look at them.
Result<> give_to(const fs::path& root, const std::string& user, const fs::path& path) {
  for (const auto line : split(read_file(root / "etc/passwd").value_or(""), '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() < 4 || parts[0] != user) continue;
    const auto uid = parse_unsigned(parts[2]), gid = parse_unsigned(parts[3]);
    if (!uid || !gid) break;
    for (const fs::path& each : {path.parent_path(), path})
      if (::chown(each.c_str(), static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)) != 0)
        return fail_errno("chown " + each.native());
    return {};
  }
  return fail(Code::kNotFound, fmt::format("there is no user '{}'", user));
}

std::vector<std::string> with_root(std::vector<std::string> argv, const fs::path& root) {
  if (root != "/") argv.insert(argv.end() - 1, {"--root", fs::absolute(root).native()});
  return argv;
}

Result<> carry_out(const fs::path& root, const Change& change) {
  switch (change.kind) {
    case Change::Kind::kUser:
      return run(with_root({"useradd", "-m", "-s", "/bin/bash", change.name}, root));
    case Change::Kind::kPackage:
      return run({"apt-get", "install", "-y", change.name}, kInstall);
    case Change::Kind::kFile:
      break;
  }
  const fs::path path = root / change.path;
  const bool setting = is_setting(change.path);
  if (!setting) TRY_VOID(make_directories(path.parent_path(), change.owner.empty() ? 0755 : 0700));
  const unsigned mode = former_of(root, change).mode;
  TRY_VOID(write(path, change.content, mode, setting));
  return change.owner.empty() ? Result<>() : give_to(root, change.owner, path);
}

// Appends to `left` what could not be taken back.
void take_back(const fs::path& root, const Former& former, std::vector<std::string>& left) {
  const fs::path path = root / former.path;
  Result<> done;
  if (former.kind == Former::Kind::kUser) {
    done = run(with_root({"userdel", "-r", former.path}, root));
  } else if (former.kind == Former::Kind::kPackage) {
    done = run({"apt-get", "remove", "-y", former.path}, kInstall);
  } else {
    const auto present = read_file(path);
    if (present && *present != former.ours && present != former.bytes) {
      left.push_back(path.native() + " was changed by somebody else meanwhile");
      return;
    }
    if (former.bytes) {
      done = write(path, *former.bytes, former.mode, is_setting(former.path));
      if (done && !is_setting(former.path) && ::chown(path.c_str(), former.uid, former.gid) != 0)
        done = fail_errno("chown " + path.native());
    } else {
      std::error_code ignored;
      fs::remove(path, ignored);
      if (!former.folder.empty())
        for (fs::path folder = path.parent_path(); fs::is_empty(folder, ignored);
             folder = folder.parent_path()) {
          fs::remove(folder, ignored);
          if (folder == root / former.folder) break;
        }
    }
  }
  if (!done) left.push_back(done.error().message());
}

}  // namespace

Result<> apply(const Plan& plan) {
  if (plan.changes.empty()) return {};
  std::vector<Former> formers;
  for (const Change& change : plan.changes) formers.push_back(former_of(plan.root, change));
  Journal journal(plan.root);
  TRY_VOID(journal.begin(formers));
  Result<> done;
  for (const Change& change : plan.changes)
    if (done) done = carry_out(plan.root, change);
  if (done) done = make_effective(plan.root, formers);
  if (done) return {};
  const auto undone = undo(plan.root);
  return fail(Error(done.error()).in(undone ? "nothing is changed" : "taking it back failed too"));
}

Result<std::vector<std::string>> undo(const fs::path& root) {
  Journal journal(root);
  TRY(const auto formers, journal.last());
  std::vector<std::string> left;
  for (auto former = formers.rbegin(); former != formers.rend(); ++former)
    take_back(root, *former, left);
  if (auto done = make_effective(root, formers); !done) left.push_back(done.error().message());
  TRY_VOID(journal.forget_last());
  return left;
}

Result<> confirm(const fs::path& root) { return Journal(root).confirm(); }

Result<> undo_unless_confirmed(const fs::path& root, Duration patience) {
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("fork");
  if (child > 0) return {};
  // Neither the end of the terminal nor that of the session ends it.
  ::setsid();
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) std::signal(signal, SIG_IGN);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(nowhere, fd);
  const Instant end = now() + patience;
  const Journal journal(root);
  while (now() < end && !journal.confirmed()) std::this_thread::sleep_for(100ms);
  if (!journal.confirmed()) static_cast<void>(undo(root));
  ::_exit(0);
}

}  // namespace fairlead::harden
