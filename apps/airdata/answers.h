// Answers as they were given, as long as the data is the same.
#pragma once

#include <list>
#include <optional>
#include <string>

#include "http/message.h"
#include "measurements.h"

namespace airdata {

// The answers asked for last; small ones only, so that all take at most 4 MiB.
class Answers {
 public:
  static constexpr std::size_t kMaxSize = 256 * 1024;  // bytes of one body

  // `question`: what the answer depends on besides the data.
  std::optional<fairlead::http::Response> find(const std::string& question, DataVersion version);
  // Nothing that is larger than kMaxSize.
  void keep(std::string question, DataVersion version, fairlead::http::Response answer);

 private:
  static constexpr std::size_t kMaxCount = 16;
  struct Known {
    std::string question;
    fairlead::http::Response answer;
  };
  std::list<Known> known_;  // asked for last first
  DataVersion version_;     // of all of them
};

}  // namespace airdata
