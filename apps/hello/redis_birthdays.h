#pragma once

#include "birthdays.h"
#include "service/store_metrics.h"
#include "store/redis.h"

namespace hello {

// A hash, "birthdays": usernames to dates.
class RedisBirthdays final : public Birthdays {
 public:
  RedisBirthdays(fairlead::io::Loop& loop, fairlead::store::RedisUrl url)
      : redis_(loop, std::move(url)) {}

  fairlead::io::Task<fairlead::Result<std::optional<std::string>>> find(
      std::string name, fairlead::io::Deadline deadline) override;
  fairlead::io::Task<fairlead::Result<>> put(std::string name, std::string date,
                                             fairlead::io::Deadline deadline) override;
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override;
  void add_metrics(fairlead::telemetry::MetricsText& text) const override {
    fairlead::service::add_store_metrics(text, redis_.stats());
  }
  fairlead::io::Task<void> close() override { return redis_.close(); }

 private:
  fairlead::store::Redis redis_;
};

}  // namespace hello
