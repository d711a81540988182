#pragma once

#include <string>

#include "base/error.h"
#include "http/message.h"

namespace airquality {

// A point on earth, in degrees.
struct Place {
  double latitude = 52;
  double longitude = 0;
  // "lat=52&lon=0": equal for equal places, however they were written.
  std::string query() const;
};

// From ?lat= and ?lon=; what is not given is the default. kInvalid for what is no number, or not on
// earth.
fairlead::Result<Place> place_of(const fairlead::http::Request& request);

}  // namespace airquality
