// Text in lines, for the formats that are made of directives.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace fairlead::target {

class Lines {
 public:
  explicit Lines(std::string_view indent = "    ") : indent_(indent) {}

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    add(fmt::format(format, std::forward<Args>(args)...));
  }
  void comment(std::string_view text) { comment_with("#", text); }
  void comment_with(std::string_view sign, std::string_view text) {
    add(fmt::format("{} {}", sign, text));
  }
  void blank() { text_ += '\n'; }

  // Lines are indented by one more step while it lives.
  class Inner {
   public:
    explicit Inner(Lines& lines) : lines_(lines) { ++lines_.depth_; }
    ~Inner() { --lines_.depth_; }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    Lines& lines_;
  };

  std::string take() { return std::move(text_); }

 private:
  void add(std::string_view line) {
    for (unsigned i = 0; i < depth_; ++i) text_ += indent_;
    text_ += line;
    text_ += '\n';
  }

  std::string text_;
  std::string_view indent_;
  unsigned depth_ = 0;
};

}  // namespace fairlead::target
