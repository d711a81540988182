#pragma once

#include "counter.h"
#include "store/redis.h"
#include "telemetry/log.h"

namespace countme {

// The key "hits". A request with an ID costs a script that notes its number under a key of its own
// for half a minute; one without, an INCR.
class RedisCounter final : public Counter {
 public:
  RedisCounter(fairlead::io::Loop& loop, fairlead::store::RedisUrl url,
               fairlead::telemetry::Log& log)
      : redis_(loop, std::move(url)), log_(log) {}

  fairlead::io::Task<fairlead::Result<std::int64_t>> next(std::string request_id) override;
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override;
  void add_metrics(fairlead::telemetry::MetricsText& text) const override;
  fairlead::io::Task<void> close() override { return redis_.close(); }

 private:
  fairlead::io::Task<fairlead::Result<fairlead::store::RedisReply>> run_script(
      std::string request_id, fairlead::io::Deadline deadline);

  fairlead::store::Redis redis_;
  fairlead::telemetry::Log& log_;
  std::string script_;  // its digest, once Redis has it
  bool durability_known_ = false;
};

}  // namespace countme
