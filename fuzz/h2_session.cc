// What an HTTP/2 client sends, whole and in pieces, to a server that answers and to one that waits.
#include "http/h2_session.h"

#include <deque>
#include <string>

#include "fuzz/targets.h"

namespace fairlead::fuzz {

namespace {

using http::H2Error;
using http::H2HeadText;
using http::H2Session;

constexpr std::size_t kMaxHead = 512;

// Small, so that the fuzzer finds its way past them.
constexpr http::H2Limits kLimits{.max_head = kMaxHead,
                                 .max_streams = 5,
                                 .stream_window = 1000,
                                 .connection_window = 100'000,
                                 .reset_burst = 8,
                                 .resets_per_second = 1,
                                 .frame_burst = 32,
                                 .frames_per_second = 1};

class Server;

class Stream final : public http::H2Stream {
 public:
  explicit Stream(Server& server) : server_(server) {}
  std::string story, body;
  bool closed = false, ended = false;

 private:
  void on_head(const H2HeadText& head, bool whole) override;
  void on_body(std::string_view data) override;
  void on_end(std::string_view trailers) override;
  void on_room() override { require(!closed, "a closed stream is told nothing"); }
  void on_closed(H2Error) override {
    require(!closed, "a stream closes once");
    closed = true;
  }
  Server& server_;
  bool has_head_ = false;
};

class Server final : public H2Session::Owner {
 public:
  explicit Server(bool answers)
      : answers(answers), session(H2Session::Role::kServer, kLimits, *this) {}

  std::string run(const std::vector<std::string_view>& pieces) {
    for (const std::string_view piece : pieces) {
      const Exact exact(piece);
      session.receive(exact.view(), {});
      if (answers) produce();
    }
    produce();
    std::string all;
    for (const Stream& stream : streams) {
      all.append(stream.story).append("\n");
      // Of a body that breaks a rule, what came before the rule was broken passes or not.
      if (stream.ended) all.append(stream.body).append("\n");
    }
    return all;
  }

  const bool answers;
  H2Session session;
  std::deque<Stream> streams;

 private:
  http::H2Stream& new_stream() override { return streams.emplace_back(*this); }
  void on_abuse(http::H2Abuse) override {
    require(!abused_, "abuse is told once");
    abused_ = true;
  }
  void produce() {
    std::string out;
    while (session.has_output()) {
      const std::size_t before = out.size();
      session.produce(out, before + 1000);
      if (out.size() == before) break;
    }
  }
  bool abused_ = false;
};

void Stream::on_head(const H2HeadText& head, bool whole) {
  require(!closed && !has_head_, "one head for each stream");
  require(head.text().size() < 3 * kMaxHead, "heads are bounded");
  has_head_ = true;
  ended = whole;
  if (head.error().status != 0) {
    story.append("refused: ").append(head.error().reason);
  } else {
    http::HeadParser parser;
    std::size_t scanned = 0;
    const auto state = parser.parse_request(head.text(), scanned);
    require(state != http::ParseState::kIncomplete, "a head's text is a whole head");
    if (state == http::ParseState::kComplete) {
      require(parser.consumed() == head.text().size(), "and nothing else");
    }
    story.append(head.text());
  }
  if (!server_.answers) return;
  const http::Field field{"Answer", "yes"};
  server_.session.respond(*this, 200, {&field, 1}, false);
  server_.session.send_body(*this, "answer", whole, "trailer: 1\r\n");
}

void Stream::on_body(std::string_view data) {
  require(!closed && has_head_ && !ended, "a body is between head and end");
  body.append(data);
  server_.session.consumed(*this, data.size());
}

void Stream::on_end(std::string_view trailers) {
  require(!closed && has_head_ && !ended, "one end for each stream");
  ended = true;
  story.append("|end|").append(trailers);
  if (server_.answers) server_.session.send_body(*this, "end", true, {});
}

}  // namespace

// Frames only: the preface and the settings are put before them.
void h2_session(std::string_view bytes) {
  constexpr std::string_view kGreeting("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  const std::string input = std::string(kGreeting).append(bytes);
  const std::string story = Server(false).run({input});
  require(story == Server(false).run(cut(input)), "pieces make no difference");
  Server(true).run({input});
  Server(true).run(cut(input));
}

}  // namespace fairlead::fuzz
