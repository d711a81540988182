// What the tests of this folder share: a loop, folders of their own, real processes.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/loop.h"
#include "io/sync.h"
#include "supervise/cgroup.h"
#include "supervise/log_book.h"
#include "supervise/run.h"

namespace fairlead::supervise {

// A log in memory.
struct KeptLog {
  struct Line {
    control::LogOrigin origin;
    std::string text;
  };
  std::vector<Line> lines;
  std::map<std::string, std::uint64_t, std::less<>> positions;
  bool full = false;  // takes nothing

  control::LogSink sink() {
    return {
        .append = [this](const control::LogOrigin& origin, std::span<const std::string_view> texts,
                         std::string_view spool, std::uint64_t position) -> Result<> {
          if (full) return fail(Code::kUnavailable, "the disk is full");
          for (const auto text : texts) lines.push_back({origin, std::string(text)});
          if (!spool.empty()) positions.insert_or_assign(std::string(spool), position);
          return {};
        },
        .position = [this](std::string_view spool) -> std::uint64_t {
          const auto found = positions.find(spool);
          return found == positions.end() ? 0 : found->second;
        },
        .flush = [] {},
        .forget = [this](std::string_view spool) { positions.erase(std::string(spool)); }};
  }
};

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    char name[] = "/tmp/fl-supervise-XXXXXX";
    folder = ::mkdtemp(name);
    logs = std::make_unique<LogBook>(kept.sink(), control::LogOrigin{.app = "shop"});
    cgroups = CgroupTree::find("test-" + folder.filename().string().substr(13));
    surroundings =
        std::make_unique<Surroundings>(Surroundings{*loop, folder, *logs, cgroups, true});
  }
  ~ProcessTest() override {
    cgroups.remove();
    std::filesystem::remove_all(folder);
  }

  // A command that /bin/sh runs.
  Command shell(std::string script, std::string name = "web.1") const {
    return {.name = std::move(name),
            .argv = {"/bin/sh", "-c", std::move(script)},
            .environment = {"PATH=/usr/bin:/bin"}};
  }

  // The texts of the log lines, oldest first.
  std::vector<std::string> log_texts() const {
    std::vector<std::string> texts;
    for (const auto& line : kept.lines) texts.push_back(line.text);
    return texts;
  }

  std::unique_ptr<io::Loop> loop = std::move(io::Loop::create().value());
  std::filesystem::path folder;
  KeptLog kept;
  std::unique_ptr<LogBook> logs;
  CgroupTree cgroups;
  std::unique_ptr<Surroundings> surroundings;
};

}  // namespace fairlead::supervise
