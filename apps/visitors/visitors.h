// Counts visits by client address and shows them on a page.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "service/service.h"
#include "service/sql_store.h"
#include "tally.h"

namespace visitors {

inline constexpr std::string_view kVersion = "1.0.1";

class Visitors final : public fairlead::service::App {
 public:
  static fairlead::Result<std::unique_ptr<App>> make(fairlead::service::Context& context);

  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override;
  void add_metrics(fairlead::telemetry::MetricsText& text) const override;
  fairlead::io::Task<void> close() override;

 private:
  struct Settings {
    std::string version, app_name, user_name, user_url;
  };

  Visitors(fairlead::service::Context& context, Settings settings)
      : trusted_(context.trusted), settings_(std::move(settings)) {}
  void add_routes(fairlead::http::Router& router);

  fairlead::io::Task<void> show_page(fairlead::http::Exchange& exchange);
  fairlead::io::Task<void> show_version(fairlead::http::Exchange& exchange);
  fairlead::http::Response page(const std::string& address, std::string_view line) const;

  const fairlead::service::TrustedProxies& trusted_;
  const Settings settings_;
  std::optional<fairlead::service::SqlStore> store_;  // nothing: not configured
  std::optional<Tally> tally_;                        // with the store
};

}  // namespace visitors
