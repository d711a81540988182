#include "service/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fairlead::service {
namespace {

using io::Task;
using testing::ElementsAre;

// Writes words, slowly: each write ends when it is let go.
struct BatchesTest : testing::Test {
  Task<Result<>> write(const std::string& words) {
    written.push_back(words);
    io::Event end(*loop);
    writing = &end;
    (void)co_await end.wait(io::Deadline::in(5s));
    writing = nullptr;
    co_return outcome;
  }
  Task<void> ask(std::string word) {
    const auto batch =
        co_await batches.join([&](std::string& words) { words += word; },
                              [this](const std::string& words) { return write(words); });
    answers.push_back(word + (batch ? ":" + **batch : "!" + batch.error().message()));
  }
  void start(std::string word) { gate.spawn(ask(std::move(word))); }
  // Until `count` writes have begun.
  void until_written(std::size_t count) {
    for (int i = 0; i < 1000 && (written.size() < count || !writing); ++i)
      (void)io::block_on(*loop, io::sleep(*loop, 1ms));
    ASSERT_EQ(written.size(), count);
  }
  void end_write() {
    ASSERT_NE(writing, nullptr);
    writing->set();
  }
  void finish() { ASSERT_TRUE(io::block_on(*loop, gate.drained(io::Deadline::in(5s)))); }

  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  Batches<std::string> batches{*loop};
  io::Gate gate{*loop};
  io::Event* writing = nullptr;
  Result<> outcome;
  std::vector<std::string> written, answers;
};

TEST_F(BatchesTest, WhatComesTogetherIsWrittenTogether) {
  start("a");
  start("b");
  until_written(1);
  end_write();
  finish();
  EXPECT_THAT(written, ElementsAre("ab"));
  EXPECT_THAT(answers, ElementsAre("a:ab", "b:ab"));
  EXPECT_TRUE(batches.idle());
}

TEST_F(BatchesTest, WhatComesDuringAWriteIsTheNext) {
  start("a");
  until_written(1);
  start("b");
  start("c");
  EXPECT_EQ(written.size(), 1u);
  end_write();
  until_written(2);
  EXPECT_THAT(answers, ElementsAre("a:a"));
  end_write();
  finish();
  EXPECT_THAT(written, ElementsAre("a", "bc"));
}

TEST_F(BatchesTest, AllOfABatchFailTogetherAndTheNextIsTried) {
  outcome = fail(Code::kUnavailable, "down");
  start("a");
  start("b");
  until_written(1);
  end_write();
  finish();
  EXPECT_THAT(answers, ElementsAre("a!down", "b!down"));
  outcome = Result<>();
  start("c");
  until_written(2);
  end_write();
  finish();
  EXPECT_EQ(answers.back(), "c:c");
}

}  // namespace
}  // namespace fairlead::service
