#include "io/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include "io/sync.h"
#include "io/worker.h"

namespace fairlead::io {
namespace {

std::unique_ptr<Loop> make_loop() { return Loop::create().value(); }

TEST(Timer, FiresInOrderOfTimeNotOfArming) {
  auto loop = make_loop();
  const Instant start = now();
  std::vector<int> order;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 5; ++i)
    timers.push_back(std::make_unique<Timer>(*loop, [&, i] {
      order.push_back(i);
      if (order.size() == 5) loop->stop();
    }));
  for (int i = 4; i >= 0; --i) timers[static_cast<std::size_t>(i)]->arm(start + i * 2ms);
  loop->run();
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(Timer, CanBeMovedEarlierLaterAndCancelled) {
  auto loop = make_loop();
  const Instant start = now();
  Instant earlier, later;
  bool cancelled_fired = false;
  Timer a(*loop, [&] { earlier = now(); });
  Timer b(*loop, [&] {
    later = now();
    loop->stop();
  });
  Timer c(*loop, [&] { cancelled_fired = true; });
  a.arm(start + 1h);
  a.arm(start + 5ms);
  b.arm(start + 1ms);
  b.arm(start + 20ms);
  c.arm(start + 1ms);
  c.cancel();
  loop->run();
  EXPECT_GE(earlier - start, 5ms);
  EXPECT_GE(later - start, 20ms);
  EXPECT_LT(earlier, later);
  EXPECT_FALSE(cancelled_fired);
}

TEST(Timer, ManyAtRandomAllFireOnce) {
  auto loop = make_loop();
  std::mt19937 random(7);
  const Instant start = now();
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<int> fired(2000);
  for (std::size_t i = 0; i < fired.size(); ++i) {
    timers.push_back(std::make_unique<Timer>(*loop, [&fired, i] { ++fired[i]; }));
    for (int times = 0; times < 3; ++times)
      timers[i]->arm(start + std::chrono::microseconds(random() % 20'000));
  }
  for (std::size_t i = 0; i < fired.size(); i += 3) timers[i].reset();
  Timer end(*loop, [&] { loop->stop(); });
  end.arm(start + 25ms);
  loop->run();
  for (std::size_t i = 0; i < fired.size(); ++i) EXPECT_EQ(fired[i], i % 3 == 0 ? 0 : 1) << i;
}

// A watcher that destroys another one whose event is in the same batch.
struct Killer final : Watcher {
  Loop& loop;
  int fd;
  Killer* victim = nullptr;
  int called = 0;
  Killer(Loop& l, int f) : loop(l), fd(f) { EXPECT_TRUE(loop.watch(fd, *this)); }
  void on_ready(std::uint32_t) override {
    ++called;
    if (victim) loop.unwatch(victim->fd, *victim);
    loop.stop();
  }
};

TEST(Loop, DropsEventsOfUnwatchedDescriptorsInTheSameBatch) {
  auto loop = make_loop();
  int a[2], b[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
  UniqueFd fds[] = {UniqueFd(a[0]), UniqueFd(a[1]), UniqueFd(b[0]), UniqueFd(b[1])};
  Killer first(*loop, a[0]), second(*loop, b[0]);
  first.victim = &second;
  second.victim = &first;
  loop->run();
  EXPECT_EQ(first.called + second.called, 1);
}

TEST(Loop, RunsWhatOtherThreadsPost) {
  auto loop = make_loop();
  int sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        loop->post([&] {
          if (++sum == 4000) loop->stop();
        });
    });
  loop->run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum, 4000);
}

// ---- waiting

Task<void> count_when_set(Event& event, int& count) {
  EXPECT_TRUE(co_await event.wait(Deadline::in(5s)));
  ++count;
}

Task<Result<>> set_and_drain(Event& event, Gate& gate) {
  event.set();
  co_return co_await gate.drained(Deadline::in(5s));
}

TEST(Event, WakesEveryWaiterAndTheGateWaitsForThem) {
  auto loop = make_loop();
  Event event(*loop);
  Gate gate(*loop);
  int count = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gate.spawn(count_when_set(event, count)));
  EXPECT_EQ(gate.running(), 3u);
  EXPECT_TRUE(block_on(*loop, set_and_drain(event, gate)));
  EXPECT_EQ(count, 3);
  gate.close();
  EXPECT_FALSE(gate.spawn(count_when_set(event, count)));
}

TEST(Event, WaitEndsAtItsDeadlineOrWhenStopped) {
  auto loop = make_loop();
  Event event(*loop);
  EXPECT_EQ(block_on(*loop, event.wait(Deadline::in(2ms))).error().code(), Code::kTimeout);
  Stop stop;
  Timer timer(*loop, [&] { stop.request(); });
  timer.arm(now() + 2ms);
  EXPECT_EQ(block_on(*loop, event.wait(Deadline::never().or_when(stop))).error().code(),
            Code::kCancelled);
  EXPECT_EQ(block_on(*loop, event.wait(Deadline::never().or_when(stop))).error().code(),
            Code::kCancelled);
}

TEST(Sleep, LastsAsLongAsAskedUnlessCutShort) {
  auto loop = make_loop();
  const Instant start = now();
  EXPECT_TRUE(block_on(*loop, sleep(*loop, 10ms)));
  EXPECT_GE(now() - start, 10ms);
  EXPECT_EQ(block_on(*loop, sleep(*loop, 1h, Deadline::in(1ms))).error().code(), Code::kTimeout);
}

Task<int> work_on(Loop& loop, Worker& worker) {
  const auto here = std::this_thread::get_id();
  const auto there = co_await worker.run(loop, [] { return std::this_thread::get_id(); });
  EXPECT_NE(here, there);
  EXPECT_EQ(here, std::this_thread::get_id());
  co_return co_await worker.run(loop, [] { return 42; });
}

TEST(Worker, RunsElsewhereAndComesBack) {
  auto loop = make_loop();
  Worker worker("test");
  EXPECT_EQ(block_on(*loop, work_on(*loop, worker)), 42);
}

}  // namespace
}  // namespace fairlead::io
