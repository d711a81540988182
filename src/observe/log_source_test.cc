#include "observe/log_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/sync.h"
#include "store/test_folder.h"

namespace fairlead::observe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LogSources : public testing::Test {
 protected:
  void add(const std::string& replica, std::string_view text) {
    const StreamId stream = store_->stream({.app = "shop", .replica = replica});
    ASSERT_TRUE(store_->append_text(stream, text).has_value());
    ASSERT_TRUE(store_->flush().has_value());
  }
  std::vector<std::string> take(control::LogSource& source, Duration wait = 10s) {
    auto batch = io::block_on(*loop_, source(io::Deadline::in(wait)));
    if (!batch) return {std::string(to_string(batch.error().code()))};
    std::vector<std::string> texts;
    for (const auto& line : *batch) texts.push_back(line.replica + ": " + line.text);
    return texts;
  }
  store::TestFolder folder_;
  std::unique_ptr<io::Loop> loop_ = io::Loop::create().value();
  std::unique_ptr<LogStore> store_ = LogStore::open({.folder = folder_ / "log"}).value();
  io::Worker worker_{"log"};
};

TEST_F(LogSources, GiveAllThenEnd) {
  add("web.1", "one\ntwo");
  add("worker.1", "three");
  auto source = read_log(*store_, *loop_, worker_, {});
  EXPECT_THAT(take(source), ElementsAre("web.1: one", "web.1: two", "worker.1: three"));
  EXPECT_THAT(take(source), IsEmpty());
}

TEST_F(LogSources, GiveTheLastOnesOfAProcessType) {
  add("web.1", "one\ntwo\nthree");
  add("worker.1", "other");
  add("webhook.1", "another");
  auto source = read_log(*store_, *loop_, worker_, {.replicas = {"web"}, .tail = 2});
  EXPECT_THAT(take(source), ElementsAre("web.1: two", "web.1: three"));
  EXPECT_THAT(take(source), IsEmpty());
}

TEST_F(LogSources, GiveOnlyWhatIsLookedFor) {
  add("web.1", "read timeout\nfine\nwrite timeout");
  auto source = read_log(*store_, *loop_, worker_, {.grep = "timeout", .tail = 1});
  EXPECT_THAT(take(source), ElementsAre("web.1: write timeout"));
}

TEST_F(LogSources, FollowWhatComesFromAnotherThread) {
  add("web.1", "before");
  auto source = read_log(*store_, *loop_, worker_, {.tail = 10, .follow = true});
  EXPECT_THAT(take(source), ElementsAre("web.1: before"));
  EXPECT_THAT(take(source, 1ms), ElementsAre("timeout"));
  constexpr int kLines = 200;
  std::thread writer([&] {
    for (int i = 0; i < kLines; ++i) add("web.1", std::to_string(i));
  });
  int next = 0;
  while (next < kLines)
    for (const auto& text : take(source)) ASSERT_EQ(text, fmt::format("web.1: {}", next++));
  writer.join();
  source = nullptr;
  add("web.1", "nobody follows any more");
}

}  // namespace
}  // namespace fairlead::observe
