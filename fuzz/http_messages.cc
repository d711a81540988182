// Heads and bodies: parse → framing → chunked decoder, as a connection does it.
#include <fmt/format.h>

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

std::string describe(std::span<const http::Field> fields) {
  std::string text;
  for (const auto& field : fields)
    text += fmt::format("{}:{}:{}\n", field.name, field.value, static_cast<int>(field.id));
  return text;
}

std::string describe(const BodyFraming& body) {
  return fmt::format("body {} {}\n", static_cast<int>(body.kind), body.length);
}

std::string describe(const http::RequestHead& head) {
  return fmt::format("{} {} {}|{}|{}|{}|{} {}{}{}\n", head.method_text, head.target, head.path,
                     head.query, head.host, head.port, head.minor_version, head.keep_alive,
                     head.expect_continue, head.upgrade) +
         describe(head.body) + describe(head.fields);
}

std::string describe(const http::ResponseHead& head) {
  return fmt::format("{} {} {} {}\n", head.status, head.reason, head.minor_version,
                     head.keep_alive) +
         describe(head.body) + describe(head.fields);
}

void append_fields(std::string& out, std::span<const http::Field> fields) {
  for (const auto& field : fields) http::append_field(out, field.name, field.value);
  http::append_head_end(out);
}

struct RequestSide {
  ParseState parse(std::string_view bytes, std::size_t& scanned) {
    return parser.parse_request(bytes, scanned);
  }
  const BodyFraming& body() const { return parser.request().body; }
  std::string description() const { return describe(parser.request()); }
  // What was parsed, written down and parsed again, is the same.
  void check_writing() const {
    const http::RequestHead& head = parser.request();
    if (head.minor_version != 1) return;
    std::string written;
    http::append_request_line(written, head.method_text, head.target);
    append_fields(written, head.fields);
    HeadParser again;  // without the small limits: white space may have been added
    std::size_t scanned = 0;
    require(again.parse_request(written, scanned) == ParseState::kComplete,
            "a head can be written");
    require(again.consumed() == written.size(), "a written head ends where it ends");
    require(describe(again.request()) == describe(head), "a written head means the same");
  }
  HeadParser parser{kLimits};
};

struct ResponseSide {
  explicit ResponseSide(std::string_view bytes)
      : method(bytes.size() % 5 == 0 ? http::Method::kHead : http::Method::kGet) {}
  ParseState parse(std::string_view bytes, std::size_t& scanned) {
    return parser.parse_response(bytes, scanned, method);
  }
  const BodyFraming& body() const { return parser.response().body; }
  std::string description() const { return describe(parser.response()); }
  void check_writing() const {
    const http::ResponseHead& head = parser.response();
    if (head.minor_version != 1) return;
    std::string written;
    http::append_status_line(written, head.status);
    append_fields(written, head.fields);
    HeadParser again;
    std::size_t scanned = 0;
    require(again.parse_response(written, scanned, method) == ParseState::kComplete,
            "a head can be written");
    require(again.consumed() == written.size(), "a written head ends where it ends");
    require(again.response().status == head.status, "a written head means the same");
    require(describe(again.response().fields) == describe(head.fields),
            "a written head means the same");
    require(describe(again.response().body) == describe(head.body),
            "a written head means the same");
  }
  HeadParser parser{kLimits};
  http::Method method;
};

// A connection that receives pieces; what it understood, as text.
template <typename Side>
class Reader {
 public:
  explicit Reader(Side side) : side_(std::move(side)) {}

  void receive(std::string_view piece) {
    waiting_ += piece;
    while (!failed_ && !waiting_.empty() && step()) {
    }
  }
  std::string story() const {
    return story_ + (failed_ ? "" : fmt::format("waits with {} bytes", waiting_.size()));
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
        fail(side_.parser.error());
        return 0;
      case ParseState::kComplete:
        break;
    }
    scanned_ = 0;
    require(side_.parser.consumed() > 0, "a head has bytes");
    story_ += side_.description();
    side_.check_writing();
    body_ = side_.body();
    in_body_ = body_.kind != BodyFraming::Kind::kNone;
    chunks_.reset();
    return side_.parser.consumed();
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
        story_ += fmt::format("\ntrailers {}\n", chunks_.trailers());
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
    story_ += fmt::format("error {} {}", error.status, error.reason);
  }

  Side side_;
  http::ChunkedDecoder chunks_;
  BodyFraming body_;
  std::string waiting_, story_;
  std::size_t scanned_ = 0;
  bool in_body_ = false, failed_ = false;
};

template <typename Side>
void compare_whole_with_pieces(const Side& side, std::string_view bytes) {
  Reader whole(side), in_pieces(side);
  whole.receive(bytes);
  for (const auto piece : cut(bytes)) in_pieces.receive(piece);
  require(whole.story() == in_pieces.story(), "pieces give what the whole gives");
}

}  // namespace

void http_request(std::string_view bytes) { compare_whole_with_pieces(RequestSide(), bytes); }
void http_response(std::string_view bytes) {
  compare_whole_with_pieces(ResponseSide(bytes), bytes);
}

}  // namespace fairlead::fuzz
