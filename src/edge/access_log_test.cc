#include "edge/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "io/stream.h"

namespace fairlead::edge {
namespace {

AccessRecord sample() {
  return {.time = now(),
          .request_id = "id-1",
          .client = "192.0.2.1",
          .method = "GET",
          .host = "h",
          .path = "/p",
          .status = 200,
          .bytes_in = 1,
          .bytes_out = 18'446'744'073'709'551'615ull,
          .duration = 1'234'567ns,
          .origin = "web.1",
          .release = "v3",
          .origin_time = 999ns,
          .retries = 1,
          .protocol = "HTTP/1.1",
          .tls_version = "",
          .user_agent = "curl",
          .route = "h/"};
}

TEST(AccessRecord, IsOneLineOfJson) {
  std::string line;
  append_access_record(line, sample(), "2026-11-20T13:39:18.123Z");
  ASSERT_TRUE(line.ends_with("}\n"));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "2026-11-20T13:39:18.123Z");
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["bytes_out"], 18'446'744'073'709'551'615ull);
  EXPECT_EQ(json["duration_us"], 1234);
  EXPECT_EQ(json["origin_us"], 0);
  EXPECT_EQ(json["origin"], "web.1");
  EXPECT_FALSE(json.contains("tls"));
}

TEST(AccessRecord, IsCommonOrCombinedLogWhereThatIsWanted) {
  AccessRecord record = sample();
  record.client = "192.0.2.1";
  record.bytes_out = 17;
  record.user_agent = "a \"quoted\" \n agent";
  std::string line;
  append_common_log(line, record, "2026-11-20T13:39:18.123Z", false);
  EXPECT_EQ(line, "192.0.2.1 - - [20/Nov/2026:13:39:18 +0000] \"GET /p HTTP/1.1\" 200 17\n");
  line.clear();
  append_common_log(line, record, "2026-11-20T13:39:18.123Z", true);
  EXPECT_TRUE(line.ends_with("200 17 \"-\" \"a \\x22quoted\\x22 \\x0A agent\"\n")) << line;
}

TEST(AccessRecord, CannotBeForgedOrBroken) {
  AccessRecord record = sample();
  record.user_agent = "\",\"status\":500}\n{\"x\":\"\x1b[31m\\ \xff\xc3\xa4 \x7f";
  record.path = std::string_view("/\0\t", 3);
  std::string line;
  append_access_record(line, record, "t");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  for (char c : line.substr(0, line.size() - 1)) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["path"], std::string("/\0\t", 3));
  EXPECT_EQ(json["user_agent"],
            "\",\"status\":500}\n{\"x\":\"\x1b[31m\\ \xef\xbf\xbd\xc3\xa4 \x7f");
}

// Every place in words of every length.
TEST(AccessRecord, EscapesWhereverItIsNeeded) {
  for (const char bad : {'\0', '\x1f', '"', '\\', '\x7f', '\x80', '\xff'}) {
    for (std::size_t size = 1; size <= 20; ++size) {
      for (std::size_t place = 0; place < size; ++place) {
        std::string word(size, '~');
        word[place] = bad;
        AccessRecord record = sample();
        record.user_agent = word;
        std::string line;
        append_access_record(line, record, "t");
        ASSERT_EQ(line.find('"' + word + '"'), std::string::npos) << size << ' ' << place;
        ASSERT_TRUE(nlohmann::json::accept(line));
      }
    }
  }
}

class AccessLogFile : public testing::Test {
 protected:
  const std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) /
      fmt::format("access-{}-{}.log", ::getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
  ~AccessLogFile() override { std::filesystem::remove(path_); }
};

TEST_F(AccessLogFile, GetsWhatWasBufferedInOrder) {
  auto loop = io::Loop::create();
  {
    AccessLog log;
    ASSERT_TRUE(log.open(path_));
    AccessLogBuffer buffer(**loop, log);
    for (int i = 0; i < 3000; ++i) {
      AccessRecord record = sample();
      const std::string id = std::to_string(i);
      record.request_id = id;
      buffer.add(record);
    }
    buffer.flush();
  }
  std::ifstream file(path_);
  std::string line;
  int count = 0;
  while (std::getline(file, line)) {
    ASSERT_EQ(nlohmann::json::parse(line)["request_id"], std::to_string(count++));
  }
  EXPECT_EQ(count, 3000);
}

TEST(AccessLogSyslog, SendsEachLineAsAMessageOfRfc5424) {
  UniqueFd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const io::Address any = *io::Address::parse("127.0.0.1:0");
  ASSERT_EQ(::bind(receiver.get(), any.data(), any.size()), 0);
  const auto port = io::local_address(receiver.get())->port();
  AccessLog log;
  ASSERT_TRUE(log.open(fmt::format("syslog:127.0.0.1:{}", port)));
  log.submit("{\"a\":1}\n{\"b\":2}\n", 2);
  for (const char* expected : {"{\"a\":1}", "{\"b\":2}"}) {
    char message[512];
    const ssize_t n = ::recv(receiver.get(), message, sizeof message, 0);
    const std::string_view text(message, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    EXPECT_TRUE(text.starts_with("<134>1 20")) << text;
    EXPECT_TRUE(text.ends_with(fmt::format(" access - {}", expected))) << text;
  }
}

TEST_F(AccessLogFile, IsMadeAnewAfterRotation) {
  AccessLog log;
  ASSERT_TRUE(log.open(path_));
  log.submit("one\n", 1);
  ASSERT_TRUE(log.reopen());  // waits for what was submitted
  const std::filesystem::path moved = path_.native() + ".1";
  std::filesystem::rename(path_, moved);
  ASSERT_TRUE(log.reopen());
  log.submit("two\n", 1);
  ASSERT_TRUE(log.open(""));
  EXPECT_EQ(*read_file(moved), "one\n");
  EXPECT_EQ(*read_file(path_), "two\n");
  std::filesystem::remove(moved);
}

TEST(AccessLog, CountsWhatAFullDiskDrops) {
  AccessLog log;
  ASSERT_TRUE(log.open("/dev/full"));
  log.submit("a\nb\n", 2);
  ASSERT_TRUE(log.open(""));
  EXPECT_EQ(log.dropped(), 2u);
}

}  // namespace
}  // namespace fairlead::edge
