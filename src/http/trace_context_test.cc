#include "http/trace_context.h"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

TEST(TraceContext, ReadsWhatTheRecommendationShows) {
  const TraceParent parent =
      parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(parent.span, "00f067aa0ba902b7");
  EXPECT_EQ(parent.flags, "01");
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

TEST(TraceContext, RefusesTheRest) {
  for (const auto* text : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more"})
    EXPECT_FALSE(parse_traceparent(text)) << text;
}

}  // namespace
}  // namespace fairlead::http
