#include "http/content_coding.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace fairlead::http {

namespace {

// Levels where a dynamic answer costs little more than the fastest would: measured on JSON and HTML
// of 10 to 100 KiB.
constexpr int kGzipLevel = 4;
constexpr int kBrotliQuality = 4;
constexpr int kZstdLevel = 3;
constexpr int kWindowBits = 17;  // bodies are small; a large window is memory for each stream
constexpr std::size_t kStep = 16 << 10;

// In thousandths (RFC 9110 §12.4.2); what is malformed counts as 0.
unsigned weight_of(std::string_view parameters) {
  const std::string_view q = trim(parameters);
  if (q.empty()) return 1000;
  if (q.size() < 3 || ascii_lower(q[0]) != 'q' || q[1] != '=') return 0;
  std::string_view digits = q.substr(2);
  if (digits.front() == '1') return 1000;
  if (digits.front() != '0') return 0;
  digits.remove_prefix(std::min<std::size_t>(2, digits.size()));
  unsigned weight = 0, unit = 100;
  for (const char c : digits.substr(0, 3)) {
    if (c < '0' || c > '9') return 0;
    weight += static_cast<unsigned>(c - '0') * unit;
    unit /= 10;
  }
  return weight;
}

unsigned weight_in(std::string_view accept, std::string_view name) {
  unsigned any = 0;
  for (const std::string_view item : split(accept, ',')) {
    const auto semicolon = std::min(item.find(';'), item.size());
    const std::string_view coding = trim(item.substr(0, semicolon));
    const unsigned weight = weight_of(item.substr(std::min(semicolon + 1, item.size())));
    if (iequals(coding, name)) return weight;
    if (coding == "*") any = weight;
  }
  return any;
}

class GzipEncoder final : public Encoder {
 public:
  GzipEncoder() {
    deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  }
  ~GzipEncoder() override { deflateEnd(&stream_); }

  void write(std::string_view data, bool flush, bool end, std::string& out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    const int mode = end ? Z_FINISH : flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    do {
      const std::size_t before = out.size();
      out.resize(before + kStep);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = kStep;
      deflate(&stream_, mode);
      out.resize(out.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

 private:
  z_stream stream_{};
};

class BrotliEncoder final : public Encoder {
 public:
  BrotliEncoder() {
    BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY, kBrotliQuality);
    BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_LGWIN, kWindowBits);
  }

  void write(std::string_view data, bool flush, bool end, std::string& out) override {
    const auto operation = end     ? BROTLI_OPERATION_FINISH
                           : flush ? BROTLI_OPERATION_FLUSH
                                   : BROTLI_OPERATION_PROCESS;
    auto next = reinterpret_cast<const std::uint8_t*>(data.data());
    std::size_t left = data.size();
    do {
      std::size_t no_room = 0;
      if (!BrotliEncoderCompressStream(state_.get(), operation, &left, &next, &no_room, nullptr,
                                       nullptr))
        return;
      std::size_t size = 0;
      while (const std::uint8_t* ready = BrotliEncoderTakeOutput(state_.get(), &size)) {
        out.append(reinterpret_cast<const char*>(ready), size);
        size = 0;
      }
    } while (left > 0 || BrotliEncoderHasMoreOutput(state_.get()));
  }

 private:
  struct Destroy {
    void operator()(BrotliEncoderState* state) const { BrotliEncoderDestroyInstance(state); }
  };
  std::unique_ptr<BrotliEncoderState, Destroy> state_{
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)};
};

class ZstdEncoder final : public Encoder {
 public:
  ZstdEncoder() {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, kWindowBits);
  }

  void write(std::string_view data, bool flush, bool end, std::string& out) override {
    const auto mode = end ? ZSTD_e_end : flush ? ZSTD_e_flush : ZSTD_e_continue;
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    for (;;) {
      const std::size_t before = out.size();
      out.resize(before + kStep);
      ZSTD_outBuffer room{out.data() + before, kStep, 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &room, &in, mode);
      out.resize(before + room.pos);
      if (ZSTD_isError(left)) return;
      if (mode == ZSTD_e_continue ? in.pos == in.size && room.pos < kStep : left == 0) return;
    }
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
};

}  // namespace

std::string_view to_string(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return "gzip";
    case Coding::kBrotli:
      return "br";
    case Coding::kZstd:
      return "zstd";
    case Coding::kIdentity:
      break;
  }
  return "identity";
}

Coding choose_coding(std::string_view accept) {
  Coding best = Coding::kIdentity;
  unsigned best_weight = 0;
  for (const Coding coding : {Coding::kZstd, Coding::kBrotli, Coding::kGzip}) {
    const unsigned weight = accept.empty() ? 0 : weight_in(accept, to_string(coding));
    if (weight <= best_weight) continue;
    best = coding;
    best_weight = weight;
  }
  return best;
}

bool accepts_coding(std::string_view accept, Coding coding) {
  return !accept.empty() && weight_in(accept, to_string(coding)) > 0;
}

bool is_compressible(std::string_view content_type) {
  constexpr auto kTypes = std::to_array<std::string_view>(
      {"application/json", "application/javascript", "application/xml", "application/wasm",
       "application/manifest+json", "application/rss+xml", "application/atom+xml",
       "application/graphql", "application/x-ndjson", "application/vnd.api+json", "font/ttf",
       "font/otf", "image/svg+xml", "image/bmp", "image/x-icon"});
  const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  return type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml") ||
         std::ranges::find(kTypes, type) != kTypes.end();
}

std::unique_ptr<Encoder> Encoder::make(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return std::make_unique<GzipEncoder>();
    case Coding::kBrotli:
      return std::make_unique<BrotliEncoder>();
    default:
      return std::make_unique<ZstdEncoder>();
  }
}

}  // namespace fairlead::http
