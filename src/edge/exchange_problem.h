#pragma once

#include "edge/exchange.h"

namespace fairlead::edge {

// What the edge answers by itself. Texts live as long as the call.
struct Exchange::Problem {
  std::uint16_t status;
  std::string_view detail;       // "" for no body
  std::string_view fields = {};  // more of the head: whole lines, each with "\r\n"
};

}  // namespace fairlead::edge
