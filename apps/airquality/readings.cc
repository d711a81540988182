#include "readings.h"

namespace airquality {

using namespace fairlead;
using io::Task;

namespace {
constexpr std::size_t kMaxPlaces = 10'000;
constexpr Duration kKept = std::chrono::hours(24);
}  // namespace

struct Readings::Question {
  explicit Question(io::Loop& loop) : answered(loop) {}
  io::Event answered;
  Result<Answer> answer = fail(Code::kInternal, "not answered");
};

Task<Result<Answer>> Readings::at(Place place) {
  const auto entry = find(place.query());
  if (entry->reading && now() - entry->since < freshness_) {
    ++stats_.fresh;
    co_return Answer{*entry->reading, now() - entry->since};
  }
  if (const auto question = entry->question) {
    ++stats_.merged;
    (void)co_await question->answered.wait(io::Deadline::never());  // whoever asks is sure to end
    co_return question->answer;
  }
  ++stats_.asked;
  const auto question = entry->question = std::make_shared<Question>(loop_);
  auto reading = co_await airvisual_.nearest(place);
  entry->question.reset();  // entries with a question are not forgotten
  if (reading) {
    entry->reading = *std::move(reading);
    entry->since = now();
    question->answer = Answer{*entry->reading};
  } else {
    question->answer = fall_back(entry, reading.error());
  }
  question->answered.set();
  co_return question->answer;
}

Result<Answer> Readings::fall_back(Entries::iterator entry, const Error& why) {
  if (!entry->reading || now() - entry->since > kKept) return fail(why);
  ++stats_.stale;
  return Answer{*entry->reading, now() - entry->since, true};
}

Readings::Entries::iterator Readings::find(const std::string& place) {
  if (const auto known = by_place_.find(place); known != by_place_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return entries_.begin();
  }
  if (entries_.size() >= kMaxPlaces) forget_oldest();
  entries_.push_front({.place = place, .reading = {}, .question = {}});
  by_place_[place] = entries_.begin();
  return entries_.begin();
}

void Readings::forget_oldest() {
  for (auto entry = std::prev(entries_.end()); entry != entries_.begin(); --entry) {
    if (entry->question) continue;
    by_place_.erase(entry->place);
    entries_.erase(entry);
    return;
  }
}

}  // namespace airquality
