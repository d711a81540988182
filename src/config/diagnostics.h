// Collects what is wrong with one file while it is read.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/diagnostic.h"
#include "config/document.h"

namespace fairlead::config {

class Diagnostics {
 public:
  // `text` must outlive this.
  Diagnostics(std::string file, std::string_view text);

  // The same message at the same place is kept once; after kMost of them no more are taken.
  void error(Span at, std::string message, std::string suggestion = "");
  void warning(Span at, std::string message, std::string suggestion = "");

  // What is found from here on is true in that environment alone; "" for all.
  void in_environment(std::string_view name) { environment_ = name; }

  // Enough is enough: reading may stop.
  bool full() const { return list_.size() >= kMost; }
  bool failed() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }

  // In the order of the file.
  std::vector<Diagnostic> take();

 private:
  static constexpr std::size_t kMost = 100;

  void add(Severity severity, Span at, std::string message, std::string suggestion);

  std::string file_;
  std::vector<std::string_view> lines_;
  std::string environment_;
  std::set<std::pair<Location, std::string>> seen_;
  std::size_t errors_ = 0;  // found, whether or not they were kept
  std::vector<Diagnostic> list_;
};

}  // namespace fairlead::config
