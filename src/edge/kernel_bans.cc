#include "edge/kernel_bans.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "base/strings.h"
#include "io/child.h"

namespace fairlead::edge {

namespace {

// Eight hex digits of FNV-1a: the same at every start.
std::string short_hash(std::string_view text) {
  std::uint32_t hash = 2166136261;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return fmt::format("{:08x}", hash);
}

}  // namespace

KernelBans::KernelBans(io::Loop& loop, const std::filesystem::path& folder)
    : loop_(loop),
      script_(folder / "bans.nft"),
      table_("fairlead_bans_" + short_hash(folder.native())) {}

io::Task<Result<>> KernelBans::run(std::string script, io::Deadline deadline) {
  CO_TRY_VOID(write_file_atomically(script_, script, 0600));
  io::ChildSpec spec;
  spec.argv = {"nft", "-f", script_.native()};
  spec.environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LANG=C"};
  spec.die_with_parent = true;
  CO_TRY(const auto done, co_await io::run_command(loop_, std::move(spec), deadline));
  if (done.status.success()) co_return Result<>();
  const std::string_view said = std::string_view(done.err).substr(0, done.err.find('\n'));
  const bool denied = done.err.find("not permitted") != std::string::npos ||
                      done.err.find("must be root") != std::string::npos;
  co_return fail(denied ? Code::kDenied : Code::kUnavailable, fmt::format("nft: {}", said));
}

// Before connection tracking, where a packet costs least.
io::Task<Result<>> KernelBans::open(std::vector<std::uint16_t> ports, io::Deadline deadline) {
  held_.clear();
  co_return co_await run(fmt::format(R"(table inet {0} {{ }}
delete table inet {0}
table inet {0} {{
  set v4 {{ type ipv4_addr; flags timeout; size {1}; }}
  set v6 {{ type ipv6_addr; flags timeout; size {1}; }}
  chain door {{
    type filter hook prerouting priority raw; policy accept;
    tcp dport {{ {2} }} ip saddr @v4 counter drop
    tcp dport {{ {2} }} ip6 saddr and ffff:ffff:ffff:ffff:: @v6 counter drop
  }}
}}
)",
                                     table_, BanList::kMax, fmt::join(ports, ", ")),
                         deadline);
}

// A transaction: "add" then "delete" removes an element whether or not its time was over already.
io::Task<Result<>> KernelBans::hold(std::vector<Ban> bans, WallTime now, io::Deadline deadline) {
  std::map<ClientPrefix, WallTime> wanted;
  for (const Ban& ban : bans) wanted.emplace(ban.client, ban.until);
  std::string script;
  const auto element = [&](std::string_view verb, const ClientPrefix& client,
                           std::string_view after) {
    const std::string text = client.to_string();
    fmt::format_to(std::back_inserter(script), "{} element inet {} {} {{ {}{} }}\n", verb, table_,
                   client.is_v6() ? "v6" : "v4", text.substr(0, text.find('/')), after);
  };
  for (const auto& [client, until] : held_) {
    const auto still = wanted.find(client);
    if (until <= now || (still != wanted.end() && still->second == until)) continue;
    element("add", client, "");
    element("delete", client, "");
  }
  for (const auto& [client, until] : wanted) {
    const auto known = held_.find(client);
    if (until <= now || (known != held_.end() && known->second == until)) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    element("add", client, fmt::format(" timeout {}ms", left.count()));
  }
  if (!script.empty()) CO_TRY_VOID(co_await run(std::move(script), deadline));
  held_ = std::move(wanted);
  co_return Result<>();
}

io::Task<Result<>> KernelBans::close(io::Deadline deadline) {
  held_.clear();
  co_return co_await run(fmt::format("table inet {0} {{ }}\ndelete table inet {0}\n", table_),
                         deadline);
}

}  // namespace fairlead::edge
