#include "config/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/strings.h"

namespace fairlead::config {

Diagnostics::Diagnostics(std::string file, std::string_view text)
    : file_(std::move(file)), lines_(split(text, '\n')) {}

void Diagnostics::error(Span at, std::string message, std::string suggestion) {
  add(Severity::kError, at, std::move(message), std::move(suggestion));
}

void Diagnostics::warning(Span at, std::string message, std::string suggestion) {
  add(Severity::kWarning, at, std::move(message), std::move(suggestion));
}

void Diagnostics::add(Severity severity, Span at, std::string message, std::string suggestion) {
  if (severity == Severity::kError) ++errors_;
  if (full() || !seen_.emplace(at.where, message).second) return;
  if (!environment_.empty()) message += fmt::format(" (in environment '{}')", environment_);
  const auto [line, column] = at.where;
  list_.push_back({severity, file_, at.where, at.width, std::move(message), std::move(suggestion),
                   line > 0 && line <= lines_.size() ? std::string(lines_[line - 1]) : ""});
}

std::vector<Diagnostic> Diagnostics::take() {
  std::ranges::sort(list_, {}, [](const Diagnostic& d) { return std::tie(d.where, d.message); });
  if (full())
    list_.push_back(
        {Severity::kError, file_, {}, 1, "too many errors; the rest is not shown", "", ""});
  return std::move(list_);
}

}  // namespace fairlead::config
