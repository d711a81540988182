// Says how often it has been seen.
#pragma once

#include <memory>

#include "counter.h"
#include "service/service.h"

namespace countme {

inline constexpr std::string_view kVersion = "1.0.0";

class Countme final : public fairlead::service::App {
 public:
  static fairlead::Result<std::unique_ptr<App>> make(fairlead::service::Context& context);

  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override {
    return counter_->ready(deadline);
  }
  void add_metrics(fairlead::telemetry::MetricsText& text) const override {
    counter_->add_metrics(text);
  }
  fairlead::io::Task<void> close() override { return counter_->close(); }

 private:
  Countme(const fairlead::service::TrustedProxies& trusted, std::unique_ptr<Counter> counter)
      : trusted_(trusted), counter_(std::move(counter)) {}
  fairlead::io::Task<void> greet(fairlead::http::Exchange& exchange);

  const fairlead::service::TrustedProxies& trusted_;
  std::unique_ptr<Counter> counter_;
};

}  // namespace countme
