#include "edge/timeout_list.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace fairlead::edge {
namespace {

struct Entry final : Timed {
  Entry(std::string entry_name, std::string& fired_names)
      : name(std::move(entry_name)), fired(fired_names) {}
  void on_timeout() override {
    fired += name;
    if (then) then();
  }
  const std::string name;
  std::string& fired;
  std::function<void()> then;
};

class TimeoutListTest : public testing::Test {
 protected:
  // Runs the loop until `entry` has fired.
  void run_until(Entry& entry) {
    entry.then = [this] { loop_->stop(); };
    loop_->run();
  }
  std::unique_ptr<io::Loop> loop_ = *io::Loop::create();
  TimeoutList list_{*loop_};
  std::string fired_;
  Entry a_{"a", fired_}, b_{"b", fired_}, c_{"c", fired_};
};

TEST_F(TimeoutListTest, FiresInOrderOfTime) {
  list_.arm(a_, 1ms);
  list_.arm(b_, 1ms);
  list_.arm(c_, 2ms);
  run_until(c_);
  EXPECT_EQ(fired_, "abc");
}

TEST_F(TimeoutListTest, SortsInWhatIsGivenLessTime) {
  list_.arm(a_, 10ms);
  list_.arm(b_, 1ms);
  list_.arm(c_, 5ms);
  run_until(a_);
  EXPECT_EQ(fired_, "bca");
}

TEST_F(TimeoutListTest, ForgetsWhatIsCancelledArmedAnewOrDestroyed) {
  list_.arm(a_, 1ms);
  list_.arm(b_, 2ms);
  auto gone = std::make_unique<Entry>("x", fired_);
  list_.arm(*gone, 1ms);
  a_.cancel_timeout();
  gone.reset();
  list_.arm(b_, 3ms);
  list_.arm(c_, 5ms);
  run_until(c_);
  EXPECT_EQ(fired_, "bc");
}

TEST_F(TimeoutListTest, MayBeArmedFromATimeout) {
  list_.arm(a_, 1ms);
  a_.then = [this] { list_.arm(b_, 1ms); };
  run_until(b_);
  EXPECT_EQ(fired_, "ab");
}

TEST_F(TimeoutListTest, LetsAnEntryMoveToAnotherList) {
  TimeoutList other(*loop_);
  list_.arm(a_, 1ms);
  other.arm(a_, 5ms);
  list_.arm(b_, 2ms);
  run_until(a_);
  EXPECT_EQ(fired_, "ba");
}

}  // namespace
}  // namespace fairlead::edge
