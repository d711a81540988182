#include "cli/guard_setup.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/file.h"
#include "config/guard_rules.h"
#include "io/address.h"

namespace fairlead::cli {

namespace {

std::uint64_t milliseconds(Duration d) { return static_cast<std::uint64_t>(d / 1ms); }

control::BanRule rule_of(const config::BanSpec& ban) {
  control::BanRule rule{.name = ban.name,
                        .paths = ban.paths,
                        .statuses = {},
                        .count = ban.after,
                        .within_ms = std::max<std::uint64_t>(milliseconds(ban.within), 1000),
                        .ban_ms = std::max<std::uint64_t>(milliseconds(ban.length), 1000)};
  for (const unsigned status : ban.statuses)
    rule.statuses.push_back(static_cast<std::uint16_t>(status));
  return rule;
}

}  // namespace

std::vector<control::BanRule> ban_rules_of(const config::GuardSpec& guard) {
  std::vector<control::BanRule> rules;
  for (const config::BanSpec& ban : config::ban_rules(guard)) rules.push_back(rule_of(ban));
  return rules;
}

void add_guard(control::Snapshot& snapshot, const config::GuardSpec& guard) {
  control::Guard& whole = snapshot.guard;
  std::ranges::copy(guard.allow, std::back_inserter(whole.allow));
  whole.client_connections = std::max(whole.client_connections, guard.connections);
  if (guard.standard) whole.broken = rule_of(config::broken_rule());
}

void place_guard(control::Snapshot& snapshot, const std::filesystem::path& state) {
  snapshot.guard.ban_file = state / "bans.json";
  snapshot.guard.log = state / "guard.log";
}

// One secret for the state folder; tokens follow from it, so that they need no keeping.
Result<std::string> purge_token(const std::filesystem::path& state,
                                const std::string& environment) {
  const auto file = state / "purge.key";
  auto secret = read_file(file, 64);
  if (!secret && secret.error().code() != Code::kNotFound) return fail(secret.error());
  if (!secret || secret->size() != 32) {
    std::string fresh(32, 0);
    if (::RAND_bytes(reinterpret_cast<unsigned char*>(fresh.data()), 32) != 1)
      return fail(Code::kSystem, "no random numbers");
    TRY_VOID(write_file_atomically(file, fresh, 0600));
    secret = std::move(fresh);
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), secret->data(), static_cast<int>(secret->size()),
         reinterpret_cast<const unsigned char*>(environment.data()), environment.size(), digest,
         &size);
  std::string token;
  for (unsigned i = 0; i < 16; ++i) token += fmt::format("{:02x}", digest[i]);
  return token;
}

std::string purge_url(const std::string& listener, const std::string& token) {
  const auto address = io::Address::parse(listener);
  const std::uint16_t port = address ? address->port() : 80;
  return fmt::format("http://127.0.0.1:{}/.fairlead/purge/{}", port, token);
}

}  // namespace fairlead::cli
