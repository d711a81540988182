// Heads and bodies: parse → framing → chunked decoder, as a connection does it.
#include <span>
#include <string>

#include "fuzz/targets.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"

namespace fairlead::fuzz {

namespace {

using http::BodyFraming;
using http::HeadParser;
using http::ParseState;

// Small, so that the fuzzer finds its way past them.
constexpr http::HeadLimits kLimits{.max_line = 128, .max_bytes = 512, .max_fields = 8};

// What was understood is told as text, to be compared; written without fmt, for the fuzzer's speed
// is its strength.
void tell(std::string& story, std::initializer_list<std::string_view> words) {
  for (const auto word : words) story.append(word).push_back('|');
}

void tell(std::string& story, std::initializer_list<std::uint64_t> numbers) {
  for (const auto number : numbers) story.append(std::to_string(number)).push_back('|');
}

void tell(std::string& story, std::span<const http::Field> fields) {
  for (const auto& field : fields) {
    tell(story, {field.name, field.value});
    tell(story, {static_cast<std::uint64_t>(field.id)});
  }
}

void tell(std::string& story, const http::RequestHead& head) {
  tell(story, {head.method_text, head.target, head.path, head.query, head.host});
  tell(story, {head.port, head.minor_version, head.keep_alive, head.expect_continue, head.upgrade,
               static_cast<std::uint64_t>(head.body.kind), head.body.length});
  tell(story, head.fields);
}

void tell(std::string& story, const http::ResponseHead& head) {
  tell(story, {head.reason});
  tell(story, {head.status, head.minor_version, head.keep_alive,
               static_cast<std::uint64_t>(head.body.kind), head.body.length});
  tell(story, head.fields);
}

template <typename Head>
std::string story_of(const Head& head) {
  std::string story;
  tell(story, head);
  return story;
}

void append_fields(std::string& out, std::span<const http::Field> fields) {
  for (const auto& field : fields) http::append_field(out, field.name, field.value);
  http::append_head_end(out);
}

// A parser holds nothing between two heads, so one serves all runs: were something left over, it
// would show.
HeadParser small(kLimits);
HeadParser large;  // for what was written again: white space may have been added

struct RequestSide {
  ParseState parse(std::string_view bytes, std::size_t& scanned) const {
    return small.parse_request(bytes, scanned);
  }
  const http::RequestHead& head() const { return small.request(); }
  // What was parsed, written down and parsed again, is the same.
  void check_writing() const {
    if (head().minor_version != 1) return;
    std::string written;
    http::append_request_line(written, head().method_text, head().target);
    append_fields(written, head().fields);
    std::size_t scanned = 0;
    require(large.parse_request(written, scanned) == ParseState::kComplete,
            "a head can be written");
    require(large.consumed() == written.size(), "a written head ends where it ends");
    require(story_of(large.request()) == story_of(head()), "a written head means the same");
  }
};

struct ResponseSide {
  ParseState parse(std::string_view bytes, std::size_t& scanned) const {
    return small.parse_response(bytes, scanned, method);
  }
  const http::ResponseHead& head() const { return small.response(); }
  void check_writing() const {
    if (head().minor_version != 1) return;
    std::string written;
    http::append_status_line(written, head().status);
    append_fields(written, head().fields);
    std::size_t scanned = 0;
    require(large.parse_response(written, scanned, method) == ParseState::kComplete,
            "a head can be written");
    require(large.consumed() == written.size(), "a written head ends where it ends");
    http::ResponseHead again = large.response();
    again.reason = head().reason;  // the writer has its own
    require(story_of(again) == story_of(head()), "a written head means the same");
  }
  http::Method method;
};

// A connection that receives pieces; what it understood, as text.
template <typename Side>
class Reader {
 public:
  explicit Reader(Side side) : side_(side) {}

  void receive(std::string_view piece) {
    waiting_ += piece;
    while (!failed_ && !waiting_.empty() && step()) {
    }
  }
  std::string story() const {
    std::string story = story_;
    if (!failed_) tell(story, {waiting_.size()});
    return story;
  }

 private:
  // Uses up some of what waits; false when more is needed.
  bool step() {
    const Exact input(waiting_);
    const std::size_t used = in_body_ ? body(input.view()) : head(input.view());
    require(used <= waiting_.size(), "nothing is consumed that is not there");
    waiting_.erase(0, used);
    return used > 0;
  }

  std::size_t head(std::string_view input) {
    switch (side_.parse(input, scanned_)) {
      case ParseState::kIncomplete:
        require(scanned_ <= input.size(), "nothing is scanned that is not there");
        return 0;
      case ParseState::kError:
        fail(small.error());
        return 0;
      case ParseState::kComplete:
        break;
    }
    scanned_ = 0;
    require(small.consumed() > 0, "a head has bytes");
    tell(story_, side_.head());
    side_.check_writing();
    body_ = side_.head().body;
    in_body_ = body_.kind != BodyFraming::Kind::kNone;
    chunks_.reset();
    return small.consumed();
  }

  std::size_t body(std::string_view input) {
    if (body_.kind == BodyFraming::Kind::kChunked) {
      const auto step = chunks_.decode(input);
      require(step.data.empty() ||
                  (step.data.data() >= input.data() &&
                   step.data.data() + step.data.size() <= input.data() + step.consumed),
              "data lies in the bytes consumed");
      story_ += step.data;
      if (step.state == ParseState::kError) fail(chunks_.error());
      if (step.state == ParseState::kComplete) {
        tell(story_, {"trailers", chunks_.trailers()});
        in_body_ = false;
      }
      return step.consumed;
    }
    std::size_t size = input.size();
    if (body_.kind == BodyFraming::Kind::kLength) {
      size = static_cast<std::size_t>(std::min<std::uint64_t>(body_.length, size));
      body_.length -= size;
      in_body_ = body_.length > 0;
    }
    story_ += input.substr(0, size);
    return size;
  }

  void fail(const http::ParseError& error) {
    failed_ = true;
    require(!error.reason.empty() && error.status >= 400 && error.status < 600,
            "an error says what and why");
    tell(story_, {"error", error.reason});
    tell(story_, {error.status});
  }

  Side side_;
  http::ChunkedDecoder chunks_;
  BodyFraming body_;
  std::string waiting_, story_;
  std::size_t scanned_ = 0;
  bool in_body_ = false, failed_ = false;
};

template <typename Side>
void compare_whole_with_pieces(Side side, std::string_view bytes) {
  Reader whole(side), in_pieces(side);
  whole.receive(bytes);
  for (const auto piece : cut(bytes)) in_pieces.receive(piece);
  require(whole.story() == in_pieces.story(), "pieces give what the whole gives");
}

}  // namespace

void http_request(std::string_view bytes) { compare_whole_with_pieces(RequestSide(), bytes); }

void http_response(std::string_view bytes) {
  const bool of_head = bytes.size() % 5 == 0;
  compare_whole_with_pieces(ResponseSide{of_head ? http::Method::kHead : http::Method::kGet},
                            bytes);
}

}  // namespace fairlead::fuzz
