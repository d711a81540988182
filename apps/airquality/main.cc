#include "airquality.h"
#include "embedded.h"

int main(int argc, char** argv) {
  return fairlead::service::run(argc, argv,
                                {.name = "airquality",
                                 .summary = "air quality at a place, and which were asked for",
                                 .version = airquality::kVersion,
                                 .openapi = embedded::openapi_json,
                                 .make = &airquality::AirQuality::make,
                                 .migrations = airquality::migrations(),
                                 .database = &airquality::database});
}
