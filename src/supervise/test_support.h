// What the tests of this folder share: a loop, folders of their own, real processes.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "io/loop.h"
#include "io/sync.h"
#include "supervise/cgroup.h"
#include "supervise/log_book.h"
#include "supervise/run.h"

namespace fairlead::supervise {

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    char name[] = "/tmp/fl-supervise-XXXXXX";
    folder = ::mkdtemp(name);
    logs = std::make_unique<LogBook>(*loop, folder / "logs");
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
    for (auto& line : read_logs(folder / "logs", {}).value()) texts.push_back(line.text);
    return texts;
  }

  std::unique_ptr<io::Loop> loop = std::move(io::Loop::create().value());
  std::filesystem::path folder;
  std::unique_ptr<LogBook> logs;
  CgroupTree cgroups;
  std::unique_ptr<Surroundings> surroundings;
};

}  // namespace fairlead::supervise
