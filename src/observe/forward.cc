#include "observe/forward.h"

#include "base/file.h"
#include "base/strings.h"

namespace fairlead::observe {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr Duration kFirstPause = 1s, kLongestPause = 30s;
constexpr Duration kMetricsEvery = 30s;

std::string file_name(std::string name) {
  for (char& c : name)
    if (c == '/') c = '_';
  return name;
}

}  // namespace

std::vector<Destination> destinations(const config::AppSpec& app,
                                      const std::map<std::string, std::string>& variables) {
  std::vector<Destination> found;
  const auto value = [&](const std::string& text) {
    if (!text.starts_with('$')) return text;
    const auto variable = variables.find(text.substr(1));
    return variable == variables.end() ? std::string() : variable->second;
  };
  const auto add = [&](std::string_view name, ForwardKind kind, const std::string& text) {
    if (auto url = value(text); !url.empty())
      found.push_back({.name = fmt::format("{}/{}/{}", app.name, app.environment, name),
                       .kind = kind,
                       .url = std::move(url),
                       .ca = value(app.forward.ca),
                       .app = app.name,
                       .environment = app.environment});
  };
  add("syslog", ForwardKind::kSyslog, app.forward.syslog);
  add("loki", ForwardKind::kLoki, app.forward.loki);
  add("elasticsearch", ForwardKind::kElasticsearch, app.forward.elasticsearch);
  add("otlp", ForwardKind::kOtlp, app.forward.otlp);
  return found;
}

Forwarder::Forwarder(Destination destination, LogStore& logs, Metrics metrics,
                     std::filesystem::path folder)
    : destination_(std::move(destination)),
      logs_(logs),
      metrics_(std::move(metrics)),
      position_file_(folder / file_name(destination_.name)),
      client_(connect(destination_)) {
  static_cast<void>(make_directories(folder, 0700));
  const auto text = read_file(position_file_, 64);
  // A new destination gets what comes from now on, not the past.
  position_ = (text ? parse_unsigned(trim(*text)) : std::nullopt)
                  .value_or(logs_.status().next_sequence - 1);
  watch_ = logs_.watch([this] {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_all();
  });
  thread_ = std::thread([this] { run(); });
}

Forwarder::~Forwarder() {
  watch_.reset();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

bool Forwarder::ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

std::string Forwarder::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void Forwarder::note(const Result<>& outcome) {
  const std::lock_guard lock(mutex_);
  last_error_ = outcome ? "" : outcome.error().message();
}

void Forwarder::run() {
  Duration wait = kFirstPause;
  while (!ending()) {
    {
      const std::lock_guard lock(mutex_);
      woken_ = false;
    }
    if (send_some()) {
      wait = kFirstPause;
      send_metrics();
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kFirstPause, [this] { return woken_ || ending_; });
    } else {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, wait, [this] { return ending_; });
      wait = std::min(wait * 2, kLongestPause);
    }
  }
}

bool Forwarder::send_some() {
  for (;;) {
    const LogPage page = logs_.following(
        {.app = destination_.app, .environment = destination_.environment, .limit = kBatch},
        position_);
    if (!page.lines.empty()) {
      const auto sent = client_->send(page.lines);
      note(sent);
      if (!sent) return false;
    }
    if (page.next == position_) return true;
    position_ = *page.next;
    if (auto kept = write_file_atomically(position_file_, fmt::format("{}\n", position_), 0600);
        !kept)
      note(kept);
    if (page.lines.empty() || ending()) return true;
  }
}

void Forwarder::send_metrics() {
  if (now() < next_metrics_) return;
  next_metrics_ = now() + kMetricsEvery;
  std::vector<ScrapedSample> samples;
  for (const auto& sample : *metrics_())
    if (sample.name.label("app") == destination_.app &&
        sample.name.label("environment") == destination_.environment)
      samples.push_back(sample);
  if (!samples.empty()) note(client_->send(samples, wall_now()));
}

}  // namespace fairlead::observe
