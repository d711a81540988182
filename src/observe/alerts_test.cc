#include "observe/alerts.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "io/address.h"
#include "io/stream.h"
#include "store/test_folder.h"

namespace fairlead::observe {
namespace {

using store::TestFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

// Takes connections one after the other and speaks as much HTTP or SMTP as a client needs to get
// rid of a message.
class Receiver {
 public:
  enum Protocol { kHttp, kSmtp };
  explicit Receiver(Protocol protocol) : protocol_(protocol) {
    socket_ = io::listen(*io::Address::ip("127.0.0.1", 0)).value();
    const int flags = ::fcntl(socket_.get(), F_GETFL);
    ::fcntl(socket_.get(), F_SETFL, flags & ~O_NONBLOCK);
    thread_ = std::thread([this] { serve(); });
  }
  ~Receiver() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string address() const { return io::local_address(socket_.get())->to_string(); }
  std::string url() const { return "http://" + address() + "/hook"; }
  void answer(int status) { status_ = status; }
  std::vector<std::string> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }

 private:
  void serve() {
    for (;;) {
      UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      fd_ = connection.get();
      input_.clear();
      if (protocol_ == kHttp)
        http();
      else
        smtp();
    }
  }
  // Everything up to and with `end`; "" when the client has gone.
  std::string read_until(std::string_view end) {
    std::size_t at;
    while ((at = input_.find(end)) == std::string::npos) {
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return {};
      input_.append(buffer, static_cast<std::size_t>(n));
    }
    std::string found = input_.substr(0, at + end.size());
    input_.erase(0, found.size());
    return found;
  }
  void say(std::string_view text) { (void)::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  void keep(std::string message) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }
  void http() {
    std::string message = read_until("\r\n\r\n");
    const std::size_t at = to_lower(message).find("content-length: ");
    if (at == std::string::npos) return;
    const std::string_view digits = std::string_view(message).substr(at + 16);
    const auto length = parse_unsigned(digits.substr(0, digits.find('\r'))).value();
    while (input_.size() < length) {
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      input_.append(buffer, static_cast<std::size_t>(n));
    }
    keep(message + input_);
    say(fmt::format("HTTP/1.1 {} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    status_.load()));
  }
  void smtp() {
    say("220 ready\r\n");
    std::string envelope;
    for (;;) {
      const std::string line = read_until("\r\n");
      if (line.empty()) return;
      if (line.starts_with("DATA")) {
        say("354 go on\r\n");
        keep(envelope + read_until("\r\n.\r\n"));
      } else if (line.starts_with("MAIL") || line.starts_with("RCPT")) {
        envelope += line;
      }
      say(line.starts_with("QUIT") ? "221 bye\r\n" : "250 ok\r\n");
    }
  }

  Protocol protocol_;
  UniqueFd socket_;
  int fd_ = -1;
  std::string input_;
  std::atomic<int> status_ = 204;
  std::mutex mutex_;
  std::vector<std::string> messages_;
  std::thread thread_;
};

constexpr std::int64_t kStart = 3600 * 96 * 5000;
WallTime at(Duration since_start) { return WallTime(std::chrono::seconds(kStart) + since_start); }

class AlertsTest : public testing::Test {
 protected:
  void SetUp() override { store_ = MetricStore::open({.folder = folder_ / "m"}).value(); }
  void feed(const std::string& name, MetricLabels labels, MetricKind kind, Duration when,
            double value) {
    const auto id = store_->series({name, std::move(labels)}, kind);
    ASSERT_TRUE(id.has_value());
    const MetricSample sample{*id, value};
    const auto added = store_->append(at(when), {&sample, 1});
    ASSERT_TRUE(added.has_value()) << added.error().message();
  }
  std::vector<Finding> judged(Condition condition, Duration when,
                              std::vector<std::string> by = {"app"}) {
    auto found = judge({.name = "rule", .condition = std::move(condition), .by = std::move(by)},
                       *store_, at(when));
    EXPECT_TRUE(found.has_value()) << found.error().message();
    return *std::move(found);
  }
  // A rule over the gauge "load": above 10.
  static AlertRule load_rule(Duration hold = 0s) {
    return {
        .name = "load",
        .severity = "warning",
        .condition =
            Threshold{.select = {"load", {}}, .reduce = Reduce::kLast, .window = 10s, .limit = 10},
        .by = {"app"},
        .hold = hold};
  }
  void load(Duration when, double value) {
    feed("load", {{"app", "shop"}}, MetricKind::kGauge, when, value);
  }
  std::unique_ptr<Alerts> open_alerts(std::vector<AlertRule> rules,
                                      std::vector<AlertTarget> targets) {
    auto alerts = Alerts::open(folder_ / "alerts.json", std::move(rules), std::move(targets));
    EXPECT_TRUE(alerts.has_value()) << alerts.error().message();
    return *std::move(alerts);
  }
  void step(Alerts& alerts, Duration when, double value) {
    load(when, value);
    const auto done = alerts.evaluate(*store_, at(when + 10s));
    ASSERT_TRUE(done.has_value()) << done.error().message();
  }
  TestFolder folder_;
  std::unique_ptr<MetricStore> store_;
};

TEST_F(AlertsTest, ErrorRateNeedsEnoughRequests) {
  const ErrorRate rate{.all = {"requests", {}}, .failed = {"requests", {{"class", "5xx"}}}};
  for (const auto& [app, requests] : {std::pair("shop", 100.0), std::pair("blog", 10.0)}) {
    feed("requests", {{"app", app}, {"class", "2xx"}}, MetricKind::kCounter, 0s, requests * 0.9);
    feed("requests", {{"app", app}, {"class", "5xx"}}, MetricKind::kCounter, 0s, requests * 0.1);
  }
  const auto found = judged(rate, 10s);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].labels, ElementsAre(Pair("app", "shop")));
  EXPECT_THAT(found[0].summary, HasSubstr("10.0% of 100 requests failed"));
  EXPECT_THAT(judged(rate, 6min), IsEmpty());
}

TEST_F(AlertsTest, LatencyBurnNeedsBothWindows) {
  const LatencyBurn burn{.histogram = {"duration", {}}};
  const auto fast = store_->bucket({"duration", {{"app", "shop"}}}, 0.1, 0.25).value();
  const auto slow = store_->bucket({"duration", {{"app", "shop"}}}, 0.5, 1.0).value();
  // An hour without a slow request, then minutes in which half are slow.
  double fasts = 0, slows = 0;
  const auto run = [&](Duration from, Duration to, double slow_share) {
    for (Duration t = from; t < to; t += 10s) {
      fasts += 100 * (1 - slow_share);
      slows += 100 * slow_share;
      const MetricSample samples[] = {{fast, fasts}, {slow, slows}};
      ASSERT_TRUE(store_->append(at(t), samples).has_value());
    }
  };
  run(0s, 1h, 0);
  EXPECT_THAT(judged(burn, 1h), IsEmpty());
  run(1h, 1h + 5min, 0.5);
  EXPECT_THAT(judged(burn, 1h + 5min), IsEmpty());  // 4 % of the hour: not yet
  run(1h + 5min, 1h + 20min, 0.5);
  EXPECT_THAT(judged(burn, 1h + 20min), SizeIs(1));
  run(1h + 20min, 1h + 26min, 0);
  EXPECT_THAT(judged(burn, 1h + 26min), IsEmpty());  // it does not go on
}

TEST_F(AlertsTest, CrashLoopCountsRestarts) {
  for (int i = 0; i < 4; ++i)
    feed("restarts", {{"app", "shop"}}, MetricKind::kForeignCounter, i * 1min, 7 + i);
  EXPECT_THAT(judged(CrashLoop{.restarts = {"restarts", {}}}, 4min), SizeIs(1));
  EXPECT_THAT(judged(CrashLoop{.restarts = {"restarts", {}}, .count = 4}, 4min), IsEmpty());
}

TEST_F(AlertsTest, DiskForecastDrawsALine) {
  for (int minute = 0; minute < 60; ++minute) {
    feed("disk_free_bytes", {{"mount", "/"}}, MetricKind::kGauge, minute * 1min,
         10e9 - minute * 10e6);
    feed("disk_free_bytes", {{"mount", "/data"}}, MetricKind::kGauge, minute * 1min, 10e9 + minute);
  }
  const auto found = judged(DiskForecast{.free_bytes = {"disk_free_bytes", {}}}, 60min, {"mount"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].labels, ElementsAre(Pair("mount", "/")));
  EXPECT_NEAR(found[0].value, (10e9 - 590e6) / 10e6 * 60, 60);
  EXPECT_THAT(judged(DiskForecast{.free_bytes = {"disk_free_bytes", {}}, .full_within = 10h}, 60min,
                     {"mount"}),
              IsEmpty());
}

TEST_F(AlertsTest, TimesAheadAndBehind) {
  const double now = static_cast<double>(kStart);
  feed("end", {{"app", "soon"}}, MetricKind::kGauge, 0s, now + 13 * 86400);
  feed("end", {{"app", "late"}}, MetricKind::kGauge, 0s, now + 15 * 86400);
  const auto ends = judged(EndsWithin{.time = {"end", {}}}, 10s);
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].summary, "ends in 13.0 days");
  feed("done", {{"app", "soon"}}, MetricKind::kGauge, 0s, now - 3600);
  feed("done", {{"app", "late"}}, MetricKind::kGauge, 0s, now - 30 * 3600);
  const auto older = judged(OlderThan{.time = {"done", {}}}, 10s);
  ASSERT_EQ(older.size(), 1u);
  EXPECT_EQ(older[0].summary, "30.0 hours ago");
}

TEST_F(AlertsTest, DefaultRulesAreQuietWithoutSamples) {
  std::set<std::string> names;
  for (const AlertRule& rule : default_alert_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    const auto found = judge(rule, *store_, at(0s));
    ASSERT_TRUE(found.has_value()) << found.error().message();
    EXPECT_THAT(*found, IsEmpty());
  }
}

TEST_F(AlertsTest, FireAndResolveOnceEach) {
  Receiver hook(Receiver::kHttp);
  auto alerts = open_alerts({load_rule(20s)}, {{"ops", Webhook{hook.url()}}});
  step(*alerts, 0s, 20);
  EXPECT_EQ(alerts->alerts().at(0).state, Alert::kPending);
  EXPECT_EQ(alerts->waiting(), 0u);
  for (const Duration t : {10s, 20s, 30s, 40s}) step(*alerts, t, 20);
  step(*alerts, 50s, 5);  // one good reading is no end
  step(*alerts, 60s, 20);
  for (int t = 70; t < 200; t += 10) step(*alerts, std::chrono::seconds(t), 5);
  EXPECT_THAT(alerts->alerts(), IsEmpty());
  ASSERT_TRUE(alerts->deliver(at(200s)).has_value());
  const auto messages = hook.messages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_THAT(messages[0], StartsWith("POST /hook HTTP/1.1\r\n"));
  EXPECT_THAT(messages[0], HasSubstr(R"("kind":"firing")"));
  EXPECT_THAT(messages[0], HasSubstr(R"("labels":{"app":"shop"})"));
  EXPECT_THAT(messages[0], HasSubstr("load is 20, above 10"));
  EXPECT_THAT(messages[1], HasSubstr(R"("kind":"resolved")"));
}

TEST_F(AlertsTest, APassingPendingAlertIsNotToldOf) {
  auto alerts = open_alerts({load_rule(20s)}, {{"ops", Webhook{"http://127.0.0.1:1/"}}});
  step(*alerts, 0s, 20);
  step(*alerts, 10s, 5);
  step(*alerts, 20s, 20);
  EXPECT_EQ(alerts->alerts().at(0).state, Alert::kPending);
  EXPECT_EQ(alerts->waiting(), 0u);
}

TEST_F(AlertsTest, SurviveARestartAndAReceiverThatIsDown) {
  Receiver hook(Receiver::kHttp), slack(Receiver::kHttp);
  const std::vector<AlertTarget> targets = {{"ops", Webhook{hook.url()}},
                                            {"chat", SlackHook{slack.url()}}};
  hook.answer(503);
  auto alerts = open_alerts({load_rule()}, targets);
  step(*alerts, 0s, 20);
  const auto failed = alerts->deliver(at(10s));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message(), "cannot reach alert target ops: it answered 503");
  EXPECT_THAT(slack.messages(),
              ElementsAre(HasSubstr(R"({"text":"[firing] load app=shop: load is 20, above 10"})")));
  alerts.reset();

  alerts = open_alerts({load_rule()}, targets);
  EXPECT_EQ(alerts->waiting(), 1u);
  step(*alerts, 10s, 20);  // still firing: nobody is told again
  hook.answer(200);
  ASSERT_TRUE(alerts->deliver(at(20s)).has_value());
  EXPECT_EQ(alerts->waiting(), 0u);
  EXPECT_EQ(slack.messages().size(), 1u);
  // Both attempts had the same ID, by which the receiver can tell.
  const auto attempts = hook.messages();
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0], attempts[1]);
  EXPECT_THAT(attempts[0], HasSubstr("Idempotency-Key: load-firing-"));
}

TEST_F(AlertsTest, ARefusalForGoodDoesNotBlockWhatComesAfter) {
  Receiver hook(Receiver::kHttp);
  auto alerts = open_alerts({load_rule()}, {{"ops", Webhook{hook.url()}}});
  hook.answer(400);
  step(*alerts, 0s, 20);
  EXPECT_FALSE(alerts->deliver(at(10s)).has_value());
  EXPECT_EQ(alerts->waiting(), 0u);
}

TEST_F(AlertsTest, SilenceHoldsBackWhatStillFiresAtItsEnd) {
  auto alerts = open_alerts({load_rule()}, {{"ops", Webhook{"http://127.0.0.1:1/"}}});
  ASSERT_TRUE(alerts->silence({.labels = {{"app", "shop"}}, .until = at(45s), .comment = "known"})
                  .has_value());
  ASSERT_TRUE(alerts->silence({.labels = {{"app", "blog"}}, .until = at(1h)}).has_value());
  for (const Duration t : {0s, 10s, 20s}) step(*alerts, t, 20);
  EXPECT_TRUE(alerts->alerts().at(0).silenced);
  EXPECT_EQ(alerts->waiting(), 0u);
  alerts.reset();
  alerts = open_alerts({load_rule()}, {{"ops", Webhook{"http://127.0.0.1:1/"}}});
  EXPECT_THAT(alerts->silences(), SizeIs(2));
  step(*alerts, 30s, 20);
  EXPECT_EQ(alerts->waiting(), 0u);
  step(*alerts, 40s, 20);
  EXPECT_EQ(alerts->waiting(), 1u);
  EXPECT_THAT(alerts->silences(), SizeIs(1));
  ASSERT_TRUE(alerts->unsilence(alerts->silences()[0].id).has_value());
  EXPECT_EQ(alerts->unsilence(99).error().code(), Code::kNotFound);
}

TEST_F(AlertsTest, WithoutTheirRuleAreOver) {
  auto alerts = open_alerts({load_rule()}, {{"ops", Webhook{"http://127.0.0.1:1/"}}});
  step(*alerts, 0s, 20);
  alerts.reset();
  alerts = open_alerts({}, {{"ops", Webhook{"http://127.0.0.1:1/"}}});
  step(*alerts, 10s, 20);
  EXPECT_THAT(alerts->alerts(), IsEmpty());
  EXPECT_EQ(alerts->waiting(), 2u);
}

TEST_F(AlertsTest, ReachAMailServer) {
  Receiver mail(Receiver::kSmtp);
  const Email email{.server = "smtp://" + mail.address(),
                    .from = "fairlead@example.org",
                    .to = {"a@example.org", "b@example.org"},
                    .tls_required = false};
  auto alerts = open_alerts({}, {{"mail", email}});
  ASSERT_TRUE(alerts->test(at(0s)).has_value());
  const auto delivered = alerts->deliver(at(0s));
  ASSERT_TRUE(delivered.has_value()) << delivered.error().message();
  const auto messages = mail.messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages[0], HasSubstr("MAIL FROM:<fairlead@example.org>"));
  EXPECT_THAT(messages[0], HasSubstr("RCPT TO:<b@example.org>"));
  EXPECT_THAT(messages[0], HasSubstr("Subject: [test] test: alerts from Fairlead arrive here\r\n"));
}

TEST_F(AlertsTest, MailCannotBeMadeToHaveOtherHeaders) {
  Receiver mail(Receiver::kSmtp);
  const AlertTarget target{"mail", Email{.server = "smtp://" + mail.address(),
                                         .from = "f@example.org",
                                         .to = {"a@example.org"},
                                         .tls_required = false}};
  const auto sent = send(target, {.id = "1", .rule = "r", .summary = "x\r\nBcc: evil@example.org"});
  ASSERT_TRUE(sent.has_value()) << sent.error().message();
  EXPECT_THAT(mail.messages().at(0), Not(HasSubstr("\r\nBcc:")));
}

TEST_F(AlertsTest, MailIsNotSentInTheClearUnlessAllowed) {
  Receiver mail(Receiver::kSmtp);
  const AlertTarget target{"mail", Email{.server = "smtp://" + mail.address(),
                                         .user = "u",
                                         .password = "secret",
                                         .from = "f@example.org",
                                         .to = {"a@example.org"}}};
  const auto sent = send(target, {.id = "1"});
  ASSERT_FALSE(sent.has_value());
  EXPECT_THAT(sent.error().message(), Not(HasSubstr("secret")));
  EXPECT_THAT(mail.messages(), IsEmpty());
}

TEST_F(AlertsTest, ADamagedStateFileIsSaid) {
  ASSERT_TRUE(write_file_atomically(folder_ / "alerts.json", "{\"alerts\":7}").has_value());
  EXPECT_EQ(Alerts::open(folder_ / "alerts.json", {}, {}).error().code(), Code::kProtocol);
}

}  // namespace
}  // namespace fairlead::observe
