#include <string>

#include "fuzz/targets.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"

namespace fairlead::fuzz {

namespace {

using http::ParseState;

struct Decoded {
  std::string payload, trailers, error;
  std::size_t consumed = 0;
  bool complete = false;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(const std::vector<std::string_view>& pieces) {
  http::ChunkedDecoder decoder;
  decoder.max_trailer_bytes = 64;
  Decoded decoded;
  for (const auto piece : pieces) {
    const Exact exact(piece);
    for (std::string_view input = exact.view(); !input.empty();) {
      const auto step = decoder.decode(input);
      require(step.consumed <= input.size() && step.data.size() <= step.consumed,
              "nothing is consumed that is not there");
      decoded.payload += step.data;
      decoded.consumed += step.consumed;
      if (step.state == ParseState::kComplete) {
        decoded.complete = true;
        decoded.trailers = decoder.trailers();
        return decoded;
      }
      if (step.state == ParseState::kError) {
        decoded.error = decoder.error().reason;
        return decoded;
      }
      require(step.consumed > 0, "input is used up");
      input.remove_prefix(step.consumed);
    }
  }
  return decoded;
}

}  // namespace

void chunked(std::string_view bytes) {
  const Decoded whole = decode({bytes});
  const Decoded in_pieces = decode(cut(bytes));
  // Where exactly an error was noticed depends on the pieces; that it was does not.
  require(whole.payload == in_pieces.payload && whole.trailers == in_pieces.trailers &&
              whole.error == in_pieces.error && whole.complete == in_pieces.complete,
          "pieces give what the whole gives");
  require(!whole.complete || whole.consumed == in_pieces.consumed, "the end is where it is");

  std::string written;
  for (const auto piece : cut(bytes)) {
    http::append_chunk_size(written, piece.size());
    written.append(piece).append(http::kChunkEnd);
  }
  written += http::kLastChunk;
  const Decoded again = decode(cut(written));
  require(again.complete && again.payload == bytes && again.consumed == written.size(),
          "what is written in chunks is read back");
}

}  // namespace fairlead::fuzz
