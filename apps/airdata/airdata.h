// A CSV of measurements as JSON.
#pragma once

#include <memory>

#include "answers.h"
#include "measurements.h"
#include "service/service.h"

namespace airdata {

inline constexpr std::string_view kVersion = "1.0.0";

class AirData final : public fairlead::service::App {
 public:
  static fairlead::Result<std::unique_ptr<App>> make(fairlead::service::Context& context);

  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override {
    return measurements_.ready(deadline);
  }
  void add_metrics(fairlead::telemetry::MetricsText& text) const override {
    measurements_.store().add_metrics(text);
  }
  fairlead::io::Task<void> close() override { return measurements_.store()->close(); }

 private:
  AirData(fairlead::io::Loop& loop, const fairlead::store::DatabaseUrl& url)
      : measurements_(loop, url) {}
  fairlead::io::Task<void> show(fairlead::http::Exchange& exchange);
  fairlead::io::Task<void> show_stations(fairlead::http::Exchange& exchange);
  // Page by page, each from where the last ended. A load in the middle cuts the answer off: half of
  // it would be of other data.
  fairlead::io::Task<void> stream(fairlead::http::Exchange& exchange, Filter filter,
                                  DataVersion version);

  Measurements measurements_;
  Answers answers_;
};

}  // namespace airdata
