#include "observe/dashboard_assets.h"

#include <array>

// The assembler puts the files in as they are: no generator, no array of a hundred thousand
// numbers. CMake names the folder, and has this file compiled again when one of them changes.
#define FAIRLEAD_EMBED(name, file)                                                      \
  __asm__(".section .rodata\n.balign 8\n.hidden fairlead_asset_" name                   \
          "\n.global fairlead_asset_" name "\nfairlead_asset_" name                     \
          ":\n.incbin \"" FAIRLEAD_WEB_DIST "/" file "\"\n.hidden fairlead_asset_" name \
          "_end\n.global fairlead_asset_" name "_end\nfairlead_asset_" name             \
          "_end:\n.byte 0\n.previous\n")

FAIRLEAD_EMBED("html", "index.html");
FAIRLEAD_EMBED("js", "app.js");
FAIRLEAD_EMBED("css", "app.css");
FAIRLEAD_EMBED("icon", "icon.svg");

extern "C" {
extern const char fairlead_asset_html[], fairlead_asset_html_end[];
extern const char fairlead_asset_js[], fairlead_asset_js_end[];
extern const char fairlead_asset_css[], fairlead_asset_css_end[];
extern const char fairlead_asset_icon[], fairlead_asset_icon_end[];
}

namespace fairlead::observe {
namespace {

std::string_view between(const char* begin, const char* end) { return {begin, end}; }

}  // namespace

std::span<const Asset> dashboard_assets() {
  static const std::array<Asset, 4> assets = {{
      {"/", "text/html; charset=utf-8", between(fairlead_asset_html, fairlead_asset_html_end)},
      {"/app.js", "text/javascript; charset=utf-8",
       between(fairlead_asset_js, fairlead_asset_js_end)},
      {"/app.css", "text/css; charset=utf-8", between(fairlead_asset_css, fairlead_asset_css_end)},
      {"/icon.svg", "image/svg+xml", between(fairlead_asset_icon, fairlead_asset_icon_end)},
  }};
  return assets;
}

}  // namespace fairlead::observe
