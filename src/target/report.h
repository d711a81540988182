// The fidelity report: what the target carries over, does differently, cannot do.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "target/target.h"

namespace fairlead::target {

class Report {
 public:
  void carried(std::string subject, std::string text) { add(Fidelity::kCarried, subject, text); }
  void differs(std::string subject, std::string text) { add(Fidelity::kDiffers, subject, text); }
  void missing(std::string subject, std::string text) { add(Fidelity::kMissing, subject, text); }

  const std::vector<Note>& notes() const { return notes_; }
  std::string to_markdown(const config::AppSpec& app, const Target& target) const;

 private:
  void add(Fidelity fidelity, std::string& subject, std::string& text) {
    notes_.push_back({fidelity, std::move(subject), std::move(text)});
  }

  std::vector<Note> notes_;
};

}  // namespace fairlead::target
