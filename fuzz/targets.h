// What is fuzzed. Each target takes any bytes and ends the process when a promise is broken; it is
// run by libFuzzer (entry.cc) and, over the corpus, by the unit tests (corpus_test.cc).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace fairlead::fuzz {

void http_request(std::string_view bytes);  // heads and bodies of a connection, whole and in pieces
void http_response(std::string_view bytes);   // the same from the other side
void chunked(std::string_view bytes);         // a chunked body
void percent_decode(std::string_view bytes);  // percent-encoding
void h2_session(std::string_view bytes);      // frames of an HTTP/2 client
void cache(std::string_view bytes);           // the fields that a cache goes by
void config(std::string_view bytes);          // fairlead.toml and Procfile

// Files of the stores (stores.cc).
void log_fields(std::string_view bytes);     // a line of log
void open_metrics(std::string_view bytes);   // a program's /metrics
void log_frame(std::string_view bytes);      // lines as they are written
void log_segment(std::string_view bytes);    // the directory of a sealed segment
void metric_block(std::string_view bytes);   // the directory of a block
void metric_values(std::string_view bytes);  // the values of a series

inline void require(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

// The bytes in pieces: cut at places that follow from the bytes themselves, so that an input says
// everything there is to know about its run; byte by byte if they are few.
std::vector<std::string_view> cut(std::string_view bytes);

// A copy that ends where its memory ends: a sanitizer sees who reads on.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

}  // namespace fairlead::fuzz
