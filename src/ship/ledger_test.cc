#include "ship/ledger.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "io/sync.h"

namespace fairlead::ship {
namespace {

using control::DeploymentState;
using testing::ElementsAre;
using testing::HasSubstr;

const EnvironmentName kProduction{"visitors", "production"};
const EnvironmentName kStaging{"visitors", "staging"};

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() : folder(fmt::format("/tmp/fairlead-ledger-{}", ::getpid())) {
    std::filesystem::remove_all(folder);
    EXPECT_TRUE(make_directories(folder));
    ledger = Ledger::open(*loop, folder / "fairlead.db").value();
  }
  ~LedgerTest() override {
    close();
    std::filesystem::remove_all(folder);
  }
  void close() { io::block_on(*loop, ledger->close()); }
  void reopen() {
    close();
    ledger = Ledger::open(*loop, folder / "fairlead.db").value();
  }
  template <typename T>
  T run(io::Task<T> task) {
    return io::block_on(*loop, std::move(task));
  }
  Release add(const EnvironmentName& environment, std::string artifact) {
    return run(ledger->add_release({.environment = environment,
                                    .artifact = std::move(artifact),
                                    .secrets = {{"KEY", 3}}}))
        .value();
  }
  Deployment begin(const EnvironmentName& environment, unsigned to, Duration lease = 60s) {
    return run(ledger->begin({.environment = environment, .to = to, .by = "ada"}, lease)).value();
  }
  void succeed(Deployment deployment) {
    deployment.state = DeploymentState::kSucceeded;
    ASSERT_TRUE(run(ledger->finish(deployment)));
  }

  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  std::filesystem::path folder;
  std::unique_ptr<Ledger> ledger;
};

TEST_F(LedgerTest, NumbersBuildsPerAppAndReleasesPerEnvironment) {
  EXPECT_EQ(run(ledger->next_build_number("visitors")).value(), 1u);
  EXPECT_EQ(run(ledger->next_build_number("visitors")).value(), 2u);
  EXPECT_EQ(run(ledger->next_build_number("hello")).value(), 1u);
  reopen();
  EXPECT_EQ(run(ledger->next_build_number("visitors")).value(), 3u);
  EXPECT_EQ(add(kProduction, "a").name(), "v1");
  EXPECT_EQ(add(kProduction, "b").name(), "v2");
  EXPECT_EQ(add(kStaging, "b").name(), "v1");
  reopen();
  const Release release = run(ledger->release(kProduction, 2)).value();
  EXPECT_EQ(release.artifact, "b");
  EXPECT_EQ(release.secrets.at("KEY"), 3u);
  EXPECT_EQ(run(ledger->releases(kProduction)).value().front().number, 2u);
  EXPECT_THAT(run(ledger->release(kProduction, 9)).error().message(),
              HasSubstr("no release v9: it has v1 to v2"));
}

TEST_F(LedgerTest, OneDeploymentAtATimePerEnvironment) {
  const Deployment first = begin(kProduction, 1);
  const auto second = run(ledger->begin({.environment = kProduction, .by = "bob"}, 60s));
  EXPECT_EQ(second.error().code(), Code::kExists);
  EXPECT_THAT(second.error().message(), HasSubstr("is being deployed by ada"));
  begin(kStaging, 1);  // another environment is not concerned
  succeed(first);
  EXPECT_GT(begin(kProduction, 2).id, first.id);
}

TEST_F(LedgerTest, ALeaseThatIsNotRenewedEnds) {
  const Deployment lost = begin(kProduction, 1, -1ms);
  const Deployment next = begin(kProduction, 2);
  EXPECT_EQ(run(ledger->note(lost, 60s)).error().code(), Code::kNotFound);
  EXPECT_TRUE(run(ledger->note(next, 60s)));
}

TEST_F(LedgerTest, OnlySuccessChangesWhatIsLive) {
  add(kProduction, "a");
  add(kProduction, "b");
  EXPECT_FALSE(run(ledger->live(kProduction)).value());
  succeed(begin(kProduction, 1));
  EXPECT_EQ(run(ledger->live(kProduction)).value()->artifact, "a");
  Deployment failed = begin(kProduction, 2);
  failed.state = DeploymentState::kFailed;
  failed.message = "web.1 did not become ready";
  failed.failure = control::Failure{.cause = "exit status 3", .last_lines = {"boom"}};
  failed.receipt = control::Receipt{.during = {.requests = 100, .p99 = 3ms}};
  ASSERT_TRUE(run(ledger->finish(failed)));
  reopen();
  EXPECT_EQ(run(ledger->live(kProduction)).value()->artifact, "a");
  EXPECT_THAT(run(ledger->environments()).value(), ElementsAre(kProduction));
  const auto history = run(ledger->deployments(kProduction)).value();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].failure->last_lines.front(), "boom");
  EXPECT_EQ(history[0].receipt->during.p99, 3ms);
  EXPECT_TRUE(run(ledger->unfinished()).value().empty());
}

TEST_F(LedgerTest, RemembersWhatWasInterrupted) {
  Deployment deployment = begin(kProduction, 1);
  deployment.steps.push_back({"start", "web.1 is ready", wall_now(), 40ms});
  ASSERT_TRUE(run(ledger->note(deployment, 60s)));
  reopen();
  const auto unfinished = run(ledger->unfinished()).value();
  ASSERT_EQ(unfinished.size(), 1u);
  EXPECT_EQ(unfinished[0].id, deployment.id);
  EXPECT_EQ(unfinished[0].steps.front().detail, "web.1 is ready");
}

TEST_F(LedgerTest, PinsTheLiveReleaseAndTheNewestOthers) {
  for (const char* artifact : {"a", "b", "c", "d"}) add(kProduction, artifact);
  add(kStaging, "s");
  succeed(begin(kProduction, 2));  // rolled back to v2
  std::vector<std::string> artifacts;
  for (const auto& release : run(ledger->pinned(1)).value()) artifacts.push_back(release.artifact);
  EXPECT_THAT(artifacts, testing::UnorderedElementsAre("b", "d", "s"));
}

TEST_F(LedgerTest, TheAuditIsKeptInOrder) {
  for (const char* action : {"deploy", "rollback"})
    ASSERT_TRUE(run(ledger->audit({wall_now(), "ada", action, "visitors/production v3"})));
  const auto log = run(ledger->audit_log()).value();
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].action, "rollback");
  EXPECT_EQ(log[1].by, "ada");
}

}  // namespace
}  // namespace fairlead::ship
