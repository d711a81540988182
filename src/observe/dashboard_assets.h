// The files of web/dist, as they are in the binary.
#pragma once

#include <span>
#include <string_view>

namespace fairlead::observe {

struct Asset {
  std::string_view path;  // "/app.js"
  std::string_view type;  // of its Content-Type
  std::string_view content;
};

std::span<const Asset> dashboard_assets();

}  // namespace fairlead::observe
