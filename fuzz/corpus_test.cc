// Runs every target over its corpus, as an ordinary test: what the fuzzer found once is never lost
// again.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "fuzz/targets.h"

namespace fairlead::fuzz {
namespace {

struct Target {
  const char* name;
  void (*run)(std::string_view);
};

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, BreaksNoPromise) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(FAIRLEAD_SOURCE) / "fuzz/corpus" /
                                           (std::string(GetParam().name) + "_fuzz"))) {
    const std::string bytes = read_file(entry.path()).value();
    GetParam().run(bytes);
    // Cut short anywhere, it is an input as good.
    for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 50)
      GetParam().run(std::string_view(bytes).substr(0, size));
    ++files;
  }
  EXPECT_GT(files, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, Corpus,
    testing::Values(Target{"http_request", http_request}, Target{"http_response", http_response},
                    Target{"chunked", chunked}, Target{"percent_decode", percent_decode},
                    Target{"log_fields", log_fields}, Target{"log_frame", log_frame},
                    Target{"log_segment", log_segment}, Target{"metric_block", metric_block},
                    Target{"metric_values", metric_values}, Target{"open_metrics", open_metrics},
                    Target{"h2_session", h2_session}, Target{"cache", cache},
                    Target{"config", config}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace fairlead::fuzz
