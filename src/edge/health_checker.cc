#include "edge/health_checker.h"

#include "http/client.h"

namespace fairlead::edge {

namespace {
constexpr Duration kRecoveryInterval = 200ms;
}

struct HealthChecker::Probe {
  Probe(io::Loop& loop_in, TargetPtr target_in, std::function<void(const Target&)> changed_in)
      : loop(loop_in),
        target(std::move(target_in)),
        client(loop, target->address, "localhost", {.max_idle = 1, .max_body = 1 << 20}),
        wake(loop),
        changed(std::move(changed_in)) {}

  Duration pause() const {
    return target->ready.load(std::memory_order_relaxed)
               ? check.interval
               : std::min(check.interval, kRecoveryInterval);
  }

  void judge(const Result<bool>& answer) {
    const bool healthy = answer && *answer;
    const bool refused = !answer && answer.error().code() == Code::kUnavailable;
    passed = healthy ? passed + 1 : 0;
    failed = healthy ? 0 : failed + 1;
    const bool ready = target->ready.load(std::memory_order_relaxed);
    const bool becomes =
        ready ? !(refused || failed >= check.unhealthy_after) : passed >= check.healthy_after;
    if (becomes == ready) return;
    if (becomes) target->became_ready(loop.now());
    target->ready.store(becomes, std::memory_order_relaxed);
    changed(*target);
  }

  io::Loop& loop;
  const TargetPtr target;
  control::HealthCheck check;
  http::Client client;
  io::Stop stop;
  io::Event wake;
  std::function<void(const Target&)> changed;
  unsigned passed = 0;  // in a row
  unsigned failed = 0;
};

HealthChecker::HealthChecker(io::Loop& loop, std::function<void(const Target&)> changed)
    : loop_(loop), changed_(std::move(changed)), gate_(loop) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::watch(const Plan& plan) {
  auto before = std::exchange(probes_, {});
  const auto& pools = plan.snapshot().pools;
  for (std::size_t p = 0; p < pools.size(); ++p) {
    for (const TargetPtr& target : plan.targets()[p]) {
      std::shared_ptr<Probe>& probe = probes_[target.get()];
      const auto known = before.find(target.get());
      if (known != before.end()) {
        probe = std::move(known->second);
        before.erase(known);
        probe->check = pools[p].health;
      } else {
        probe = std::make_shared<Probe>(loop_, target, changed_);
        probe->check = pools[p].health;
        gate_.spawn(run(probe));
      }
    }
  }
  for (auto& [target, probe] : before) probe->stop.request();
}

void HealthChecker::suspect(const TargetPtr& target) {
  const auto found = probes_.find(target.get());
  if (found != probes_.end()) found->second->wake.set();
}

// Whether the origin is well; an error if it could not be reached.
io::Task<Result<bool>> HealthChecker::ask(std::shared_ptr<Probe> probe) {
  const io::Deadline deadline = io::Deadline::in(probe->check.timeout).or_when(probe->stop);
  if (probe->check.path.empty()) {
    const auto stream = co_await io::connect(probe->loop, probe->target->address, deadline);
    if (!stream) co_return fail(stream.error());
    co_return true;
  }
  http::Request request;
  request.target = probe->check.path;
  request.fields.add("User-Agent", "fairlead-health");
  const auto response = co_await probe->client.send(std::move(request), deadline);
  if (!response) co_return fail(response.error());
  co_return response->status >= 200 && response->status < 300;
}

io::Task<void> HealthChecker::run(std::shared_ptr<Probe> probe) {
  while (!probe->stop.requested()) {
    const Result<bool> healthy = co_await ask(probe);
    if (probe->stop.requested()) break;
    probe->judge(healthy);
    // Woken early or not, the next round begins.
    [[maybe_unused]] const auto woken =
        co_await probe->wake.wait(io::Deadline::in(probe->pause()).or_when(probe->stop));
    probe->wake.reset();
  }
}

io::Task<void> HealthChecker::stop() {
  gate_.close();
  for (auto& [target, probe] : probes_) probe->stop.request();
  [[maybe_unused]] const auto drained = co_await gate_.drained(io::Deadline::never());
  probes_.clear();
}

}  // namespace fairlead::edge
