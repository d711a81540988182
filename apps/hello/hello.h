// Greets on birthdays.
#pragma once

#include <memory>

#include "birthdays.h"
#include "service/service.h"

namespace hello {

inline constexpr std::string_view kVersion = "1.0.0";

class Hello final : public fairlead::service::App {
 public:
  static fairlead::Result<std::unique_ptr<App>> make(fairlead::service::Context& context);

  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override {
    return birthdays_->ready(deadline);
  }
  void add_metrics(fairlead::telemetry::MetricsText& text) const override {
    birthdays_->add_metrics(text);
  }
  fairlead::io::Task<void> close() override { return birthdays_->close(); }

 private:
  explicit Hello(std::unique_ptr<Birthdays> birthdays) : birthdays_(std::move(birthdays)) {}
  void add_routes(fairlead::http::Router& router);
  fairlead::io::Task<void> put(fairlead::http::Exchange& exchange, std::string name);
  fairlead::io::Task<void> greet(fairlead::http::Exchange& exchange, std::string name);

  std::unique_ptr<Birthdays> birthdays_;
};

// The date in {"dateOfBirth":"YYYY-MM-DD"}, in its one form; kInvalid says what is wrong with the
// body, or with a date after `latest`.
fairlead::Result<std::string> date_of_birth(const std::string& body, std::string_view latest);

}  // namespace hello
