#include "answers.h"

#include <algorithm>

namespace airdata {

using fairlead::http::Response;

std::optional<Response> Answers::find(const std::string& question, DataVersion version) {
  if (version != version_) return std::nullopt;
  const auto found = std::ranges::find(known_, question, &Known::question);
  if (found == known_.end()) return std::nullopt;
  known_.splice(known_.begin(), known_, found);
  return found->answer;
}

void Answers::keep(std::string question, DataVersion version, Response answer) {
  if (answer.body.size() > kMaxSize || find(question, version)) return;
  if (version != std::exchange(version_, version)) known_.clear();
  known_.push_front({std::move(question), std::move(answer)});
  if (known_.size() > kMaxCount) known_.pop_back();
}

}  // namespace airdata
