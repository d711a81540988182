#include "airdata.h"
#include "embedded.h"
#include "load.h"
#include "schema.h"

int main(int argc, char** argv) {
  return fairlead::service::run(
      argc, argv,
      {.name = "airdata",
       .summary = "a CSV of air measurements as JSON",
       .version = airdata::kVersion,
       .openapi = embedded::openapi_json,
       .make = &airdata::AirData::make,
       .migrations = airdata::migrations(),
       .database = &airdata::database,
       .verbs = {
           {.name = "load", .usage = "load FILE|- [--skip-bad FILE]", .run = &airdata::load}}});
}
