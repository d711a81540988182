#include "acme/keeper.h"

#include <algorithm>
#include <random>

#include "base/file.h"

namespace fairlead::acme {

namespace fs = std::filesystem;

namespace {

constexpr Duration kOrder = std::chrono::minutes(5);
constexpr Duration kFirstRetry = std::chrono::minutes(1);
constexpr Duration kLongestRetry = std::chrono::hours(6);
constexpr Duration kLongestSleep = std::chrono::hours(1);  // the clock may be set meanwhile

// So that many machines do not come at the same time: 90 to 110 %.
Duration jittered(Duration d) {
  static std::minstd_rand random(std::random_device{}());
  return d * std::uniform_int_distribution(90, 110)(random) / 100;
}

// Makes certificate and key the present ones at once: "current" is a link to the folder of a pair.
// The pair before stays, for an edge that has not seen the new one yet; older ones go.
Result<> put(const fs::path& folder, const std::string& chain, const std::string& key) {
  std::error_code ignored;
  const fs::path before = fs::read_symlink(folder / "current", ignored);
  const std::string name = fmt::format("{}", wall_now().time_since_epoch() / 1us);
  TRY_VOID(make_directories(folder / name, 0700));
  TRY_VOID(write_file_atomically(folder / name / "key.pem", key, 0600));
  TRY_VOID(write_file_atomically(folder / name / "certificate.pem", chain, 0644));
  // Tried before it takes the old one's place: a broken answer must not.
  TRY_VOID(
      io::TlsContext::server({{folder / name / "certificate.pem", folder / name / "key.pem"}}, {}));
  std::error_code error;
  fs::remove(folder / "next", ignored);
  fs::create_symlink(name, folder / "next", error);
  if (!error) fs::rename(folder / "next", folder / "current", error);
  if (error) return fail(Code::kSystem, fmt::format("{}: {}", folder.native(), error.message()));
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored) &&
        entry.path().filename() != name && entry.path().filename() != before)
      fs::remove_all(entry.path(), ignored);
  return {};
}

fs::path present_certificate(const fs::path& folder) {
  return folder / "current" / "certificate.pem";
}

}  // namespace

Keeper::Keeper(io::Loop& loop, fs::path folder, telemetry::Log& log,
               std::function<io::Task<Result<>>()> publish)
    : loop_(loop),
      folder_(std::move(folder)),
      log_(log),
      publish_(std::move(publish)),
      wake_(loop),
      idle_(loop),
      gate_(loop) {
  idle_.set();
}

Keeper::~Keeper() = default;

void Keeper::start() { gate_.spawn(keep(*this)); }

io::Task<void> Keeper::stop() {
  stop_.request();
  static_cast<void>(co_await gate_.drained(io::Deadline::never()));
}

void Keeper::want(std::vector<Wanted> hosts) {
  std::map<std::string, Host> next;
  for (Wanted& wanted : hosts) {
    const std::string name = wanted.order.host;
    Host& host = next[name];
    if (const auto known = hosts_.find(name); known != hosts_.end()) {
      host = known->second;
    } else if (const auto facts = io::certificate_facts(present_certificate(folder_of(name)))) {
      host.next = renewal_of(facts->from, facts->until);
    }
    host.wanted = std::move(wanted);
  }
  hosts_ = std::move(next);
  wake_.set();
}

io::Task<void> Keeper::keep(Keeper& self) {
  const auto until_stopped = io::Deadline::never().or_when(self.stop_);
  while (!self.stop_.requested()) {
    self.wake_.reset();
    const auto due = std::ranges::min_element(self.hosts_, {},
                                              [](const auto& entry) { return entry.second.next; });
    if (due == self.hosts_.end() || due->second.next > wall_now()) {
      const Duration left = due == self.hosts_.end()
                                ? kLongestSleep
                                : std::min(kLongestSleep, due->second.next - wall_now());
      static_cast<void>(co_await self.wake_.wait(until_stopped.within(left)));
      continue;
    }
    const std::string name = due->first;
    const Wanted wanted = due->second.wanted;
    const auto outcome = co_await self.obtain(name, wanted);
    if (!self.stop_.requested()) self.schedule(name, outcome);
  }
}

void Keeper::schedule(const std::string& name, const Result<>& outcome) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return;
  Host& host = found->second;
  if (outcome) {
    const auto facts = io::certificate_facts(present_certificate(folder_of(name)));
    host.next = facts ? renewal_of(facts->from, facts->until) : wall_now() + kFirstRetry;
    host.failures = 0;
    host.error.clear();
    log_.info("has a new certificate", {{"host", name}, {"renewal", rfc3339(host.next)}});
    return;
  }
  const Duration pause =
      std::min<Duration>(kFirstRetry * (1ll << std::min(host.failures++, 12u)), kLongestRetry);
  host.next = wall_now() + jittered(pause);
  host.error = outcome.error().message();
  log_.error("no new certificate for " + name + "; the present one stays", outcome.error());
}

Result<Key> Keeper::account_key() const {
  const fs::path file = folder_ / "account.key";
  auto key = Key::load(file);
  if (key || key.error().code() != Code::kNotFound) return key;
  TRY(Key fresh, Key::make());
  TRY(const std::string pem, fresh.pem());
  TRY_VOID(write_file_atomically(file, pem, 0600));
  return fresh;
}

io::Task<Result<>> Keeper::obtain(std::string name, Wanted wanted) {
  while (!idle_.is_set()) CO_TRY_VOID(co_await idle_.wait(io::Deadline::in(kOrder).or_when(stop_)));
  idle_.reset();
  const auto attempt = [](Keeper& self, std::string host, Wanted what) -> io::Task<Result<>> {
    CO_TRY_VOID(make_directories(self.folder_, 0700));
    CO_TRY(const Key account, self.account_key());
    CO_TRY(const Key key, Key::make());
    CO_TRY(std::string request, key.request_for({host}));
    Client client(self.loop_, account, what.ca_file);
    const ChallengeType type = what.order.challenge;
    CO_TRY(const std::string chain,
           co_await client.order(
               what.order, std::move(request),
               [&self, type](Proof proof) { return self.show(std::move(proof), type); },
               io::Deadline::in(kOrder).or_when(self.stop_)));
    CO_TRY(const std::string pem, key.pem());
    CO_TRY_VOID(put(self.folder_of(host), chain, pem));
    co_return co_await self.publish_();
  };
  auto outcome = co_await attempt(*this, std::move(name), std::move(wanted));
  idle_.set();
  co_return outcome;
}

io::Task<Result<>> Keeper::show(Proof proof, ChallengeType type) {
  answers_.clear();
  proofs_.clear();
  if (!proof.token.empty() && type == ChallengeType::kHttp) {
    answers_.push_back({proof.token, proof.key_authorization});
  } else if (!proof.token.empty()) {
    CO_TRY(const Key key, Key::make());
    CO_TRY(const std::string certificate, key.alpn_proof(proof.host, proof.key_authorization));
    CO_TRY(const std::string pem, key.pem());
    const fs::path folder = folder_of(proof.host);
    // A name of its own each time: what has the same name counts as the same.
    const std::string name = base64url(proof.token).substr(0, 16);
    CO_TRY_VOID(make_directories(folder, 0700));
    CO_TRY_VOID(write_file_atomically(folder / ("proof-" + name + ".pem"), certificate, 0600));
    CO_TRY_VOID(write_file_atomically(folder / ("proof-" + name + ".key"), pem, 0600));
    proofs_.push_back({.certificate = folder / ("proof-" + name + ".pem"),
                       .key = folder / ("proof-" + name + ".key"),
                       .acme_proof = true});
  }
  const auto published = co_await publish_();
  if (!proof.token.empty()) co_return published;
  std::error_code ignored;
  for (const auto& [host, unused] : hosts_)
    for (const auto& file : fs::directory_iterator(folder_of(host), ignored))
      if (file.path().filename().native().starts_with("proof-")) fs::remove(file.path(), ignored);
  co_return published;
}

std::vector<control::CertificateSpec> Keeper::certificates() const {
  std::vector<control::CertificateSpec> found;
  std::error_code ignored;
  for (const auto& [name, host] : hosts_) {
    // By the pair's own folder: what has the same name counts as the same.
    const fs::path folder = fs::canonical(folder_of(name) / "current", ignored);
    if (!ignored)
      found.push_back({.certificate = folder / "certificate.pem", .key = folder / "key.pem"});
  }
  return found;
}

std::vector<control::AcmeAnswer> Keeper::answers() const { return answers_; }
std::vector<control::CertificateSpec> Keeper::proofs() const { return proofs_; }

std::vector<control::CertificateStatus> Keeper::status() const {
  std::vector<control::CertificateStatus> all;
  for (const auto& [name, host] : hosts_) {
    control::CertificateStatus status{.host = name,
                                      .source = "acme",
                                      .file = present_certificate(folder_of(name)),
                                      .renewal = host.next,
                                      .error = host.error};
    if (const auto facts = io::certificate_facts(status.file)) {
      status.from = facts->from;
      status.until = facts->until;
      status.issuer = facts->issuer;
    }
    all.push_back(std::move(status));
  }
  return all;
}

io::Task<Result<>> Keeper::renew(std::string host) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end())
    co_return fail(Code::kNotFound, fmt::format("no certificate of '{}' comes from ACME", host));
  const Wanted wanted = found->second.wanted;
  const auto outcome = co_await obtain(host, wanted);
  schedule(host, outcome);
  wake_.set();
  co_return outcome;
}

}  // namespace fairlead::acme
