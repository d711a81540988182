// The log and metrics on their way to programs that others run: syslog, Loki, Elasticsearch,
// whatever takes OTLP.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/app_spec.h"
#include "observe/log_store.h"
#include "observe/openmetrics.h"

namespace fairlead::observe {

enum class ForwardKind : std::uint8_t {
  kSyslog,         // "tls://host:6514" or "tcp://host:601": RFC 5424, framed as RFC 6587 §3.4.1
  kLoki,           // "http://host:3100": POST /loki/api/v1/push
  kElasticsearch,  // "http://host:9200": POST /_bulk, into the index fairlead-APP
  kOtlp,  // "http://host:4318": logs, metrics, and a trace for each request (OTLP/HTTP, JSON)
};

struct Destination {
  std::string name;  // unique: "shop/production/loki"
  ForwardKind kind = ForwardKind::kSyslog;
  std::string url;
  std::string ca;                // file of the certificates to trust, PEM; "" for the system's
  std::string app, environment;  // whose lines
};

// What a fairlead.toml wants forwarded; "$NAME" stands for a variable, as with alert targets.
std::vector<Destination> destinations(const config::AppSpec& app,
                                      const std::map<std::string, std::string>& variables);

// One batch, sent; an error when it was not taken whole. Blocks for seconds.
class ForwardClient {
 public:
  virtual ~ForwardClient() = default;
  virtual Result<> send(const std::vector<LogLine>& lines) = 0;
  virtual Result<> send(std::span<const ScrapedSample>, WallTime) { return {}; }
};
std::unique_ptr<ForwardClient> connect(const Destination& destination);

// Sends the lines of one destination in their order, on a thread of its own. What a receiver does
// not take is sent again, with growing pauses; how far it came is kept in `folder`, so that nothing
// is left out. A death between a receiver's yes and our note of it sends a batch twice (to
// Elasticsearch under the same IDs). The store outlives it.
class Forwarder {
 public:
  using Metrics = std::function<std::shared_ptr<const std::vector<ScrapedSample>>()>;  // any thread
  Forwarder(Destination destination, LogStore& logs, Metrics metrics, std::filesystem::path folder);
  ~Forwarder();

  const Destination& destination() const { return destination_; }
  std::string last_error() const;  // "" when all is well

 private:
  void run();
  bool send_some();
  void send_metrics();
  void pause(Duration length);
  bool ending() const;
  void note(const Result<>& outcome);

  const Destination destination_;
  LogStore& logs_;
  Metrics metrics_;
  const std::filesystem::path position_file_;
  std::uint64_t position_ = 0;
  std::unique_ptr<ForwardClient> client_;
  Instant next_metrics_{};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool ending_ = false;
  std::string last_error_;
  LogStore::Watch watch_;
  std::thread thread_;
};

}  // namespace fairlead::observe
