#include "control/api.h"

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

TEST(Api, StatusSurvivesTheWire) {
  Status status;
  status.version = "0.1.0";
  status.pid = 77;
  status.started = wall_now();
  status.state_folder = "/srv/state";
  status.edge.name = "edge";
  status.edge.state = ProcessState::kReady;
  status.listeners = {"http://127.0.0.1:8080"};
  EnvironmentStatus environment{.app = "visitors",
                                .environment = "dev",
                                .version = "1.0.1",
                                .store = "sqlite:///x.db",
                                .urls = {"http://localhost:8080"},
                                .processes = {}};
  ProcessStatus web;
  web.name = "web.1";
  web.state = ProcessState::kCrashLoop;
  web.restarts = 3;
  auto& failure = web.failure.emplace();
  failure.cause = "exit status 3 after 40ms";
  failure.exit_code = 3;
  failure.last_lines = {"cannot open /data", "bad bytes \xff here"};
  failure.probe = ProbeEvidence{.request = "GET /readyz",
                                .address = "127.0.0.1:1",
                                .status = 301,
                                .location = "https://x/",
                                .body = "",
                                .error = ""};
  environment.processes.push_back(web);
  status.environments.push_back(environment);
  status.notes = {"the memory limit is not enforced: no cgroups"};

  const auto copy = status_from_json(to_json(status));
  ASSERT_TRUE(copy) << copy.error().message();
  ASSERT_EQ(copy->environments.size(), 1u);
  ASSERT_EQ(copy->environments[0].processes.size(), 1u);
  const auto& process = copy->environments[0].processes[0];
  EXPECT_EQ(process.state, ProcessState::kCrashLoop);
  ASSERT_TRUE(process.failure);
  EXPECT_EQ(process.failure->exit_code, 3);
  EXPECT_EQ(process.failure->last_lines[0], "cannot open /data");
  EXPECT_EQ(process.failure->probe->location, "https://x/");
  EXPECT_EQ(copy->edge.state, ProcessState::kReady);
  EXPECT_EQ(rfc3339(copy->started), rfc3339(status.started));
  EXPECT_EQ(copy->notes, status.notes);
}

TEST(Api, AnOlderControlMaySayLess) {
  const auto status = status_from_json(R"({"version":"0.0.9","unknown":1})");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->version, "0.0.9");
}

TEST(Api, WhatIsNotStatusIsRefused) {
  EXPECT_FALSE(status_from_json("not json"));
  EXPECT_FALSE(status_from_json(R"({"pid":"seven"})"));
  EXPECT_FALSE(status_from_json("[]"));
}

TEST(Api, LogLinesKeepTheirTimeAndAnyBytes) {
  const LogLine line{.time = wall_now(), .replica = "web.1", .text = "a \"b\"\tc"};
  const std::string text = to_json(line);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto copy = log_line_from_json(text);
  ASSERT_TRUE(copy);
  EXPECT_EQ(rfc3339(copy->time), rfc3339(line.time));
  EXPECT_EQ(copy->text, line.text);
  EXPECT_TRUE(log_line_from_json(to_json(LogLine{.time = {}, .replica = "x", .text = "\xff\xfe"})));
}

TEST(Api, TimesAreReadAsTheyAreWritten) {
  const auto time = parse_rfc3339("2026-11-20T13:39:18.123456Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(rfc3339(*time), "2026-11-20T13:39:18.123456Z");
  EXPECT_EQ(rfc3339(*parse_rfc3339("2024-02-29T00:00:00Z")), "2024-02-29T00:00:00.000000Z");
  EXPECT_EQ(rfc3339(*parse_rfc3339("2024-02-29T00:00:00.5Z")), "2024-02-29T00:00:00.500000Z");
  for (const char* wrong :
       {"", "2026-11-20", "2026-02-31T00:00:00Z", "2026-11-20T13:39:18", "2026-11-20T25:00:00Z",
        "2026-11-20T13:39:18.Z", "x026-11-20T13:39:18Z"})
    EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
}

}  // namespace
}  // namespace fairlead::control
