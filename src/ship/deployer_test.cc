#include "ship/deployer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>

#include "base/file.h"
#include "io/sync.h"

namespace fairlead::ship {
namespace {

using control::DeploymentCause;
using control::DeploymentState;
using control::Traffic;
using testing::HasSubstr;

const EnvironmentName kProduction{"visitors", "production"};

// Replicas as numbers, with every promise checked at every call: what a real fleet does with
// processes (and the end-to-end tests with real ones), this does at once, so that control can be
// cut off at each of its steps.
class ModelFleet final : public Fleet {
 public:
  using Key = std::pair<unsigned, std::string>;

  // Control loses touch before or after the n-th call: nothing it does takes effect from then on.
  int cut_at = 0;
  bool cut_after_effect = false;
  unsigned broken_release = 0;  // its replicas never become ready
  unsigned failing_migration = 0;
  std::map<unsigned, Traffic> traffic_of;
  unsigned replicas = 2;

  std::map<Key, unsigned> running_groups;
  std::map<Key, unsigned> routed;
  bool must_serve = false;  // once something was live, requests always have somewhere to go
  int calls = 0;
  std::function<void()> on_cut = [] {};

  void reconnect() {
    cut_at = 0;
    cut_ = false;
  }
  bool cut() const { return cut_; }

  io::Task<Result<>> prepare(Release) override {
    co_return act([] {});
  }
  io::Task<Result<>> run_release_command(unsigned release, io::Deadline) override {
    auto done = act([] {});
    if (done && release == failing_migration) co_return fail(Code::kInvalid, "exit status 1");
    co_return done;
  }
  io::Task<Result<std::string>> schema(unsigned, io::Deadline) override { co_return ""; }
  io::Task<Result<>> migrate_down(unsigned, std::string, io::Deadline) override {
    co_return act([] {});
  }
  std::vector<Group> wanted(unsigned release) const override {
    return {{release, "web", replicas}, {release, "worker", 1}};
  }
  io::Task<Result<>> start(Group group, io::Deadline) override {
    if (group.release == broken_release)
      co_return fail(Code::kUnavailable, "web.1 did not become ready");
    co_return act([&] {
      unsigned& count = running_groups[{group.release, group.type}];
      count = std::max(count, group.count);
    });
  }
  io::Task<Result<>> route(std::vector<Group> groups, io::Deadline) override {
    co_return act([&] {
      routed.clear();
      for (const Group& group : groups)
        if (group.count > 0) routed[{group.release, group.type}] = group.count;
      check();
    });
  }
  io::Task<Result<>> shrink(Group group, io::Deadline) override {
    co_return act([&] {
      running_groups[{group.release, group.type}] = group.count;
      if (group.count == 0) running_groups.erase({group.release, group.type});
      check();
    });
  }
  std::vector<Group> running() const override {
    std::vector<Group> groups;
    for (const auto& [key, count] : running_groups)
      groups.push_back({key.first, key.second, count});
    return groups;
  }
  io::Task<Result<Traffic>> traffic(unsigned release, io::Deadline) override {
    const auto found = traffic_of.find(release);
    co_return found == traffic_of.end() ? Traffic{} : found->second;
  }
  std::optional<control::Failure> evidence(unsigned release) const override {
    if (release == broken_release) return control::Failure{.cause = "exit status 3 after 40ms"};
    return std::nullopt;
  }

 private:
  template <typename Effect>
  Result<> act(Effect effect) {
    if (!cut_ && ++calls == cut_at) {
      cut_ = true;
      if (cut_after_effect) effect();
      on_cut();
    } else if (!cut_) {
      effect();
      return {};
    }
    return fail(Code::kUnavailable, "control was killed");
  }
  // Requests go to replicas that run, and to somewhere at all times.
  void check() {
    unsigned serving = 0;
    for (const auto& [key, count] : routed) {
      EXPECT_GE(running_groups[key], count)
          << "v" << key.first << " " << key.second << " is routed but does not run";
      if (key.second == "web") serving += count;
    }
    if (must_serve) EXPECT_GE(serving, replicas) << "too few replicas get requests";
  }
  bool cut_ = false;
};

class DeployerTest : public testing::Test {
 protected:
  DeployerTest() : folder(fmt::format("/tmp/fairlead-deployer-{}", ::getpid())) { reset(); }
  ~DeployerTest() override {
    run(ledger->close());
    std::filesystem::remove_all(folder);
  }
  void reset() {
    if (ledger) run(ledger->close());
    std::filesystem::remove_all(folder);
    EXPECT_TRUE(make_directories(folder));
    open();
    fleet = ModelFleet();
  }
  void open() { ledger = Ledger::open(*loop, folder / "fairlead.db").value(); }
  static void copy_ledger(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::create_directory(to);
    for (const char* name : {"fairlead.db", "fairlead.db-wal"}) {
      std::filesystem::remove(to / name);
      if (std::filesystem::exists(from / name)) std::filesystem::copy_file(from / name, to / name);
    }
    std::filesystem::remove(to / "fairlead.db-shm");
  }
  template <typename T>
  T run(io::Task<T> task) {
    return io::block_on(*loop, std::move(task));
  }
  void run(io::Task<void> task) { io::block_on(*loop, std::move(task)); }

  DeployRequest request(Strategy strategy = Strategy::kRolling) {
    DeployRequest made;
    made.release =
        run(ledger->add_release({.environment = kProduction, .version = "1.0.1"})).value();
    made.by = "ada";
    made.strategy = strategy;
    return made;
  }
  Deployment deploy(DeployRequest made) {
    steps.clear();
    Deployer deployer(*loop, *ledger, fleet);
    return run(deployer.deploy(std::move(made),
                               [this](const control::Step& step) { steps.push_back(step.name); }))
        .value();
  }
  unsigned live() { return run(ledger->live(kProduction)).value()->number; }
  void expect_only(unsigned release) {
    for (const char* type : {"web", "worker"}) {
      const unsigned count = std::string_view(type) == "web" ? fleet.replicas : 1;
      EXPECT_EQ((fleet.running_groups[{release, type}]), count) << type;
      EXPECT_EQ((fleet.routed[{release, type}]), count) << type;
    }
    EXPECT_EQ(fleet.running_groups.size(), 2u);
    EXPECT_EQ(fleet.routed.size(), 2u);
  }

  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  std::filesystem::path folder;
  std::unique_ptr<Ledger> ledger;
  ModelFleet fleet;
  std::vector<std::string> steps;
};

TEST_F(DeployerTest, ReplacesTheOldReleaseByTheNewOne) {
  for (const Strategy strategy : {Strategy::kRolling, Strategy::kBlueGreen}) {
    reset();
    EXPECT_EQ(deploy(request(strategy)).state, DeploymentState::kSucceeded);
    expect_only(1);
    fleet.must_serve = true;
    const Deployment second = deploy(request(strategy));
    EXPECT_EQ(second.state, DeploymentState::kSucceeded);
    EXPECT_EQ(second.from, 1u);
    EXPECT_TRUE(second.receipt);
    EXPECT_EQ(live(), 2u);
    expect_only(2);
    EXPECT_FALSE(steps.empty());
  }
}

TEST_F(DeployerTest, AReleaseThatFailsCostsTheOldOneNothing) {
  deploy(request());
  fleet.must_serve = true;
  fleet.broken_release = 2;
  const Deployment unhealthy = deploy(request());
  EXPECT_EQ(unhealthy.state, DeploymentState::kFailed);
  EXPECT_EQ(unhealthy.cause, DeploymentCause::kUnhealthy);
  EXPECT_EQ(unhealthy.failure->cause, "exit status 3 after 40ms");
  expect_only(1);
  fleet.failing_migration = 3;
  EXPECT_EQ(deploy(request()).cause, DeploymentCause::kMigrationFailed);
  expect_only(1);
  EXPECT_EQ(live(), 1u);
}

TEST_F(DeployerTest, AReleaseThatIsWorseIsTakenBack) {
  deploy(request());
  fleet.must_serve = true;
  fleet.traffic_of[0] = {.requests = 1000, .failed = 1, .p99 = 10ms};
  struct Case {
    Traffic traffic;
    bool taken_back;
  };
  unsigned release = 1;
  for (const auto& [traffic, taken_back] :
       {Case{{.requests = 100, .failed = 50, .p99 = 1ms}, true},
        Case{{.requests = 100, .failed = 0, .p99 = 100ms}, true},
        Case{{.requests = 5, .failed = 5, .p99 = 1ms}, false},
        Case{{.requests = 100, .failed = 0, .p99 = 12ms}, false}}) {
    const unsigned before = live();
    fleet.traffic_of[++release] = traffic;
    DeployRequest made = request();
    made.watch.window = 20ms;
    const Deployment done = deploy(made);
    EXPECT_EQ(done.state, taken_back ? DeploymentState::kRolledBack : DeploymentState::kSucceeded)
        << done.message;
    EXPECT_EQ(done.cause, taken_back ? DeploymentCause::kWorse : DeploymentCause::kNone);
    EXPECT_EQ(live(), taken_back ? before : release);
    expect_only(live());
  }
}

TEST_F(DeployerTest, TwoAtOnceAreRefused) {
  const DeployRequest first = request();
  run(ledger->begin({.environment = kProduction, .to = 1, .by = "bob"}, 60s)).value();
  const Deployment second = deploy(first);
  EXPECT_EQ(second.cause, DeploymentCause::kLeaseHeld);
  EXPECT_THAT(second.message, HasSubstr("being deployed by bob"));
  EXPECT_EQ(fleet.calls, 0);
}

// Cuts control off before and after each of its actions; the next control must leave exactly one
// release, whole.
TEST_F(DeployerTest, ControlMayDieAtAnyStep) {
  int points = 0;
  for (const Strategy strategy : {Strategy::kRolling, Strategy::kBlueGreen})
    for (const bool after_effect : {false, true})
      for (int at = 1;; ++at) {
        reset();
        deploy(request(strategy));
        fleet.must_serve = true;
        fleet.calls = 0;
        fleet.cut_at = at;
        fleet.cut_after_effect = after_effect;
        // What the next control finds is the ledger as it was at that moment.
        fleet.on_cut = [this] { copy_ledger(folder, folder / "cut"); };
        deploy(request(strategy));
        if (!fleet.cut()) break;
        ++points;
        run(ledger->close());
        copy_ledger(folder / "cut", folder);
        open();
        fleet.reconnect();
        Deployer next(*loop, *ledger, fleet);
        EXPECT_TRUE(run(next.recover(kProduction, io::Deadline::in(10s))));
        EXPECT_TRUE(run(ledger->unfinished()).value().empty());
        expect_only(live());
        fleet.calls = 0;
        EXPECT_EQ(deploy(request(strategy)).state, DeploymentState::kSucceeded);
        expect_only(live());
      }
  EXPECT_GE(points, 30);
}

}  // namespace
}  // namespace fairlead::ship
