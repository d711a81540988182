#include "cli/state_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "base/strings.h"
#include "ship/secrets.h"

namespace fairlead::cli {

using control::Finding;
using control::Verdict;
using ship::Group;

namespace {

std::string describe(const std::vector<Group>& groups) {
  std::vector<std::string> texts;
  for (const auto& group : groups)
    if (group.count > 0)
      texts.push_back(fmt::format("{} × {} of v{}", group.count, group.type, group.release));
  return texts.empty() ? "nothing" : fmt::format("{}", fmt::join(texts, ", "));
}

std::set<std::tuple<unsigned, std::string, unsigned>> as_set(const std::vector<Group>& groups) {
  std::set<std::tuple<unsigned, std::string, unsigned>> set;
  for (const auto& group : groups)
    if (group.count > 0) set.insert({group.release, group.type, group.count});
  return set;
}

io::Task<Finding> check_environment(Harbour& harbour, ship::Ledger& ledger, Berth& berth) {
  const auto name = berth.fleet.name();
  Finding finding{
      .check = name.to_string(), .verdict = Verdict::kGood, .text = {}, .next_step = {}};
  const auto is = [&](Verdict verdict, std::string text, std::string next_step) {
    finding.verdict = verdict;
    finding.text = std::move(text);
    finding.next_step = std::move(next_step);
  };
  if (!berth.recovered.is_set() || berth.orders > 0) {
    is(Verdict::kDoubtful,
       berth.orders > 0 ? "an order is being carried out" : "control is making it whole",
       "look again when that is done");
    co_return finding;
  }
  const auto live = co_await ledger.live(name);
  const auto unfinished = co_await ledger.unfinished();
  if (!live || !unfinished) {
    is(Verdict::kBad, live ? unfinished.error().message() : live.error().message(), "");
    co_return finding;
  }
  for (const auto& deployment : *unfinished)
    if (deployment.environment == name) {
      is(Verdict::kBad, fmt::format("deployment {} was never ended", deployment.id),
         "restart control: it puts this right");
      co_return finding;
    }
  if (!*live) {
    is(Verdict::kDoubtful, "nothing is live", "fairlead deploy");
    co_return finding;
  }
  const auto wanted = berth.fleet.wanted((*live)->number);
  const auto running = berth.fleet.running();
  const auto secrets =
      ship::Secrets::open(secrets_folder(harbour.folders, name.app), name.environment);
  const auto values = secrets ? secrets->values((*live)->secrets) : fail(secrets.error());
  const auto status = berth.fleet.status();
  std::vector<std::string> unready;
  for (const auto& process : status.processes)
    if (process.state != control::ProcessState::kReady) unready.push_back(process.name);
  if (!values)
    is(Verdict::kBad, values.error().message(), "bring the folder 'secrets' back from a backup");
  else if (as_set(wanted) != as_set(running))
    is(Verdict::kBad,
       fmt::format("{} is live: {} should run, {} does", (*live)->name(), describe(wanted),
                   describe(running)),
       "restart control: it puts this right");
  else if (!unready.empty())
    is(Verdict::kDoubtful, fmt::format("not ready: {}", fmt::join(unready, ", ")),
       fmt::format("fairlead logs {}", unready[0]));
  else
    is(Verdict::kGood, fmt::format("{} is live: {}", (*live)->name(), describe(running)), "");
  co_return finding;
}

io::Task<Finding> check_artifacts(Harbour& harbour, ship::Ledger& ledger) {
  Finding finding{.check = "artifacts", .verdict = Verdict::kBad, .text = {}, .next_step = {}};
  const auto pinned = co_await ledger.pinned(0);
  if (!pinned) {
    finding.text = pinned.error().message();
    co_return finding;
  }
  // By value: runs on the worker's thread.
  auto look = [&artifacts = harbour.artifacts, &pinned]() -> Result<std::size_t> {
    TRY(const auto all, artifacts.list());
    for (const auto& artifact : all) TRY_VOID(artifacts.verify(artifact.digest));
    for (const auto& release : *pinned)
      if (auto found = artifacts.find(release.artifact); !found)
        return fail(std::move(found).error().in(
            fmt::format("{} {}", release.environment.to_string(), release.name())));
    return all.size();
  };
  const auto count = co_await harbour.worker.run(harbour.loop, look);
  if (!count) {
    finding.text = count.error().message();
    finding.next_step = "deploy again; an artifact that is damaged is built anew";
    co_return finding;
  }
  finding.verdict = Verdict::kGood;
  finding.text = fmt::format("{}, all as their digests say; {} on disk", *count,
                             human_bytes(harbour.artifacts.bytes()));
  co_return finding;
}

}  // namespace

io::Task<std::vector<Finding>> check_state(Harbour& harbour, ship::Ledger& ledger,
                                           const OrderDesk::Berths& berths) {
  std::vector<Finding> findings;
  std::vector<Berth*> all;  // the map may grow meanwhile; berths stay
  for (const auto& [name, berth] : berths) all.push_back(berth.get());
  for (Berth* berth : all) findings.push_back(co_await check_environment(harbour, ledger, *berth));
  findings.push_back(co_await check_artifacts(harbour, ledger));
  co_return findings;
}

}  // namespace fairlead::cli
