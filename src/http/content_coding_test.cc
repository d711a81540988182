#include "http/content_coding.h"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace fairlead::http {
namespace {

std::string decode(Coding coding, std::string_view coded) {
  std::string out(1 << 20, '\0');
  std::size_t size = out.size();
  if (coding == Coding::kZstd) {
    ZSTD_DCtx* context = ZSTD_createDCtx();
    ZSTD_inBuffer in{coded.data(), coded.size(), 0};
    ZSTD_outBuffer room{out.data(), out.size(), 0};
    ZSTD_decompressStream(context, &room, &in);
    ZSTD_freeDCtx(context);
    size = room.pos;
  } else if (coding == Coding::kBrotli) {
    BrotliDecoderState* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    auto next_in = reinterpret_cast<const std::uint8_t*>(coded.data());
    auto next_out = reinterpret_cast<std::uint8_t*>(out.data());
    std::size_t left = coded.size(), room = out.size();
    BrotliDecoderDecompressStream(state, &left, &next_in, &room, &next_out, nullptr);
    BrotliDecoderDestroyInstance(state);
    size = out.size() - room;
  } else {
    z_stream stream{};
    inflateInit2(&stream, MAX_WBITS + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
    stream.avail_in = static_cast<uInt>(coded.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    inflate(&stream, Z_SYNC_FLUSH);
    size = stream.total_out;
    inflateEnd(&stream);
  }
  out.resize(size);
  return out;
}

class Encoders : public testing::TestWithParam<Coding> {};

TEST_P(Encoders, MakeItSmallerAndLoseNothing) {
  std::string text;
  for (int i = 0; i < 8000; ++i)
    text += fmt::format("{{\"number\":{},\"text\":\"some words\"}}\n", i);
  const auto encoder = Encoder::make(GetParam());
  std::string coded;
  for (std::size_t at = 0; at < text.size(); at += 5000)
    encoder->write(std::string_view(text).substr(at, 5000), false, false, coded);
  encoder->write({}, false, true, coded);
  EXPECT_LT(coded.size(), text.size() / 4);
  EXPECT_EQ(decode(GetParam(), coded), text);
}

TEST_P(Encoders, AFlushLetsTheReaderSeeAllSoFar) {
  const auto encoder = Encoder::make(GetParam());
  std::string coded;
  encoder->write("data: first event\n\n", true, false, coded);
  EXPECT_EQ(decode(GetParam(), coded), "data: first event\n\n");
  encoder->write("data: second\n\n", true, false, coded);
  EXPECT_EQ(decode(GetParam(), coded), "data: first event\n\ndata: second\n\n");
}

INSTANTIATE_TEST_SUITE_P(All, Encoders,
                         testing::Values(Coding::kGzip, Coding::kBrotli, Coding::kZstd));

TEST(ContentCoding, TakesWhatTheClientWeighsHighest) {
  EXPECT_EQ(choose_coding(""), Coding::kIdentity);
  EXPECT_EQ(choose_coding("gzip, deflate, br, zstd"), Coding::kZstd);
  EXPECT_EQ(choose_coding("gzip, br"), Coding::kBrotli);
  EXPECT_EQ(choose_coding("br;q=0.5, GZIP;q=0.8"), Coding::kGzip);
  EXPECT_EQ(choose_coding("*"), Coding::kZstd);
  EXPECT_EQ(choose_coding("zstd;q=0, *;q=0.1"), Coding::kBrotli);
  EXPECT_EQ(choose_coding("gzip;q=0"), Coding::kIdentity);
  EXPECT_EQ(choose_coding("gzip;q=nonsense"), Coding::kIdentity);
  EXPECT_EQ(choose_coding("identity"), Coding::kIdentity);
}

TEST(ContentCoding, KnowsWhatGetsSmaller) {
  for (const auto* type : {"text/html; charset=utf-8", "application/json", "Application/JSON",
                           "application/problem+json", "image/svg+xml"})
    EXPECT_TRUE(is_compressible(type)) << type;
  for (const auto* type : {"", "image/png", "video/mp4", "application/zip", "font/woff2"})
    EXPECT_FALSE(is_compressible(type)) << type;
}

}  // namespace
}  // namespace fairlead::http
