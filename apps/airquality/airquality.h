// Air quality at a place, and which cities were asked for.
#pragma once

#include <memory>

#include "history.h"
#include "readings.h"
#include "service/service.h"

namespace airquality {

inline constexpr std::string_view kVersion = "1.0.0";

fairlead::Result<std::optional<fairlead::store::DatabaseUrl>> database(
    const fairlead::service::Environment& environment);

class AirQuality final : public fairlead::service::App {
 public:
  static fairlead::Result<std::unique_ptr<App>> make(fairlead::service::Context& context);

  // The history alone: AirVisual's absence is what stale answers are for.
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override {
    return history_.store().ready(deadline);
  }
  void add_metrics(fairlead::telemetry::MetricsText& text) const override;
  fairlead::io::Task<void> close() override { return history_.store()->close(); }

 private:
  AirQuality(fairlead::io::Loop& loop, const fairlead::store::DatabaseUrl& url,
             std::unique_ptr<AirVisual> airvisual, fairlead::Duration freshness)
      : history_(loop, url),
        airvisual_(std::move(airvisual)),
        readings_(loop, *airvisual_, freshness) {}
  void add_routes(fairlead::http::Router& router);
  fairlead::io::Task<void> show_quality(fairlead::http::Exchange& exchange);
  fairlead::io::Task<void> show_history(fairlead::http::Exchange& exchange);
  // One page, with a link to the next.
  fairlead::io::Task<void> show_page(fairlead::http::Exchange& exchange,
                                     std::optional<Before> before, std::int64_t limit);
  // All of it, or more than a page, as it comes.
  fairlead::io::Task<void> stream(fairlead::http::Exchange& exchange, std::optional<Before> before,
                                  std::optional<std::int64_t> limit);

  mutable History history_;
  std::unique_ptr<AirVisual> airvisual_;
  Readings readings_;
};

}  // namespace airquality
