// One connection of a Server: reads requests, runs the handler, writes what it answers. Used by
// server.cc only.
#pragma once

#include <random>

#include "http/connection.h"
#include "http/server.h"

namespace fairlead::http {

// What all connections of a server share.
struct ServerContext {
  ServerContext(io::Loop& l, Handler h, const ServerOptions& o)
      : loop(l), handler(std::move(h)), options(o), parser(o.head) {}

  // "Fri, 20 Nov 2026 13:39:18 GMT", made once a second.
  std::string_view date();
  // A new X-Request-ID: unique in this process, and unlikely to be met in another.
  void make_id(std::string& id);

  io::Loop& loop;
  Handler handler;
  ServerOptions options;
  HeadParser parser;  // holds nothing between two calls
  io::Stop stopping;  // idle connections close
  io::Stop cut;       // all connections close

 private:
  std::uint64_t next_id_ = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  std::string date_;
  Instant date_until_{};
};

class ServerConnection final : public Exchange {
 public:
  ServerConnection(ServerContext& context, io::Stream stream);
  // Answers requests until the connection ends.
  io::Task<void> serve();
  // From outside, to end it now.
  void abort() { connection_.stream().abort(); }

  io::Task<Result<std::string>> read_some() override;
  io::Task<Result<std::string>> read_body() override;
  const Fields& trailers() const override { return trailers_; }
  io::Task<Result<>> respond(Response response) override;
  io::Task<Result<>> start(Response head) override;
  io::Task<Result<>> write(std::string_view bytes) override;
  io::Task<Result<>> finish(Fields trailers) override;
  bool responded() const override { return phase_ != Phase::kWaiting; }
  std::uint16_t status() const override { return status_ != 0 ? status_ : read_failure_; }
  io::Stop& cut_off() override { return context_.cut; }

 private:
  // How far the answer is. kBroken: it can only end with the connection.
  enum class Phase : std::uint8_t { kWaiting, kStreaming, kDone, kBroken };

  // Reads the next head into `request`; false when there is none and the connection ends.
  io::Task<bool> next_request();
  bool fill_request(const RequestHead& head);  // false: its path cannot be decoded
  // What is owed after the handler has returned; false when the connection ends.
  io::Task<bool> settle();
  io::Task<void> refuse(std::uint16_t status, std::string_view reason);

  Result<> may_answer() const;
  void append_head(const Response& response);
  bool sends_body(std::uint16_t status) const;
  io::Deadline deadline() { return io::Deadline::never().or_when(context_.cut); }

  ServerContext& context_;
  Connection connection_;
  BodyReader body_;
  Fields trailers_;
  std::string peer_;
  std::optional<std::uint32_t> peer_uid_;
  std::string out_;  // heads and small bodies on their way
  Phase phase_ = Phase::kWaiting;
  bool keep_alive_ = true;
  bool continue_owed_ = false;      // the client waits for 100 Continue
  bool chunked_ = false;            // how the answer is streamed
  bool old_client_ = false;         // HTTP/1.0
  std::uint64_t length_left_ = 0;   // of an answer streamed with Content-Length
  std::uint16_t status_ = 0;        // of the answer
  std::uint16_t read_failure_ = 0;  // status owed because the body could not be read
  std::string read_failure_reason_;
};

}  // namespace fairlead::http
