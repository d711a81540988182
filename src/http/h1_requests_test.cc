// Replays tests/golden/h1_requests.txt: each request there, whole and in pieces.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"
#include "http/h1_parser.h"

namespace fairlead::http {
namespace {

struct Case {
  std::string answer, name, bytes;
};

std::string unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        bytes += '\r';
        break;
      case 'n':
        bytes += '\n';
        break;
      case 't':
        bytes += '\t';
        break;
      case '\\':
        bytes += '\\';
        break;
      case 'x':
        bytes += static_cast<char>(*parse_unsigned(text.substr(i + 1, 2), 16));
        i += 2;
        break;
      case '{': {
        const std::size_t star = text.find('*', i), end = text.find('}', i);
        const std::string repeated = unescape(text.substr(star + 1, end - star - 1));
        for (auto n = *parse_unsigned(text.substr(i + 1, star - i - 1)); n > 0; --n)
          bytes += repeated;
        i = end;
        break;
      }
      default:
        ADD_FAILURE() << "unknown escape in " << text;
    }
  }
  return bytes;
}

std::vector<Case> read_cases() {
  const auto text = read_file(FAIRLEAD_SOURCE "/tests/golden/h1_requests.txt");
  std::vector<Case> cases;
  for (const auto line : split(text.value(), '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t first = line.find('|'), second = line.find('|', first + 1);
    cases.push_back({std::string(trim(line.substr(0, first))),
                     std::string(trim(line.substr(first + 1, second - first - 1))),
                     unescape(line.substr(second + 2))});
  }
  return cases;
}

// A connection that is fed the bytes `piece` at a time: "ok" when they end between two messages,
// "more" when inside one, or the status of the refusal.
std::string answer_to(std::string_view bytes, std::size_t piece) {
  HeadParser parser;
  ChunkedDecoder chunks;
  BodyFraming body;
  bool in_body = false;
  std::size_t start = 0, scanned = 0;
  for (std::size_t there = 0; there < bytes.size();) {
    there = std::min(bytes.size(), there + piece);
    while (start < there) {
      // A copy without anything behind it, so that a sanitizer sees who reads too far.
      const std::vector<char> copy(bytes.begin() + static_cast<std::ptrdiff_t>(start),
                                   bytes.begin() + static_cast<std::ptrdiff_t>(there));
      const std::string_view input(copy.data(), copy.size());
      if (!in_body) {
        const auto state = parser.parse_request(input, scanned);
        if (state == ParseState::kError) return std::to_string(parser.error().status);
        if (state == ParseState::kIncomplete) break;
        start += parser.consumed();
        scanned = 0;
        body = parser.request().body;
        in_body = body.kind != BodyFraming::Kind::kNone;
        chunks.reset();
      } else if (body.kind == BodyFraming::Kind::kLength) {
        const std::size_t taken = std::min<std::size_t>(body.length, input.size());
        body.length -= taken;
        start += taken;
        in_body = body.length > 0;
      } else {
        const auto step = chunks.decode(input);
        if (step.state == ParseState::kError) return std::to_string(chunks.error().status);
        start += step.consumed;
        in_body = step.state != ParseState::kComplete;
      }
    }
  }
  return start == bytes.size() && !in_body ? "ok" : "more";
}

TEST(H1Requests, AreAnsweredAsTheTableSays) {
  for (const Case& c : read_cases()) {
    EXPECT_EQ(answer_to(c.bytes, c.bytes.size()), c.answer) << c.name;
    for (const std::size_t piece : {1, 2, 3, 7, 64})
      if (c.bytes.size() < 2000 || piece > 3) {
        EXPECT_EQ(answer_to(c.bytes, piece), c.answer) << c.name << ", " << piece << " at a time";
      }
  }
}

TEST(H1Requests, AreRefusedWithTheByteThatMakesThemWrongAndNotBefore) {
  for (const Case& c : read_cases()) {
    if (c.answer == "ok" || c.bytes.size() == 1) continue;
    const auto before = std::string_view(c.bytes).substr(0, c.bytes.size() - 1);
    const std::string answer = answer_to(before, before.size());
    EXPECT_TRUE(answer == "more" || answer == "ok") << c.name << " was refused early: " << answer;
  }
}

TEST(H1Requests, WhatIsWrongStaysWrongWhateverFollows) {
  for (const Case& c : read_cases()) {
    if (c.answer == "ok") continue;
    const std::string longer = c.bytes + "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(answer_to(longer, longer.size()), c.answer) << c.name;
  }
}

}  // namespace
}  // namespace fairlead::http
