#include "place.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace airquality {

using namespace fairlead;

namespace {

Result<double> degrees(const http::Request& request, const char* name, double fallback,
                       double most) {
  const auto text = request.parameter(name);
  if (!text) return fallback;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || !(std::fabs(value) <= most))
    return fail(Code::kInvalid,
                fmt::format("{} must be a number from -{} to {}", name, most, most));
  return value == 0 ? 0 : value;  // -0 is 0
}

}  // namespace

std::string Place::query() const { return fmt::format("lat={}&lon={}", latitude, longitude); }

Result<Place> place_of(const http::Request& request) {
  const Place standard;
  TRY(const double latitude, degrees(request, "lat", standard.latitude, 90));
  TRY(const double longitude, degrees(request, "lon", standard.longitude, 180));
  return Place{latitude, longitude};
}

}  // namespace airquality
