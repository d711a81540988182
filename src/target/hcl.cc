#include "target/hcl.h"

#include <fmt/format.h>

namespace fairlead::target {

std::string hcl_text(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else if ((c == '$' || c == '%') && text.substr(i + 1).starts_with('{'))
      out += {c, c};
    else
      out += c;
  }
  return out + '"';
}

std::string hcl_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + hcl_text(text);
  return "[" + out + "]";
}

std::string hcl_map(const config::Variables& variables) {
  std::string out;
  for (const auto& [name, value] : variables)
    out += fmt::format("{}{} = {}", out.empty() ? " " : ", ", hcl_text(name), hcl_text(value));
  return out.empty() ? "{}" : "{" + out + " }";
}

}  // namespace fairlead::target
