#include "embedded.h"
#include "schema.h"
#include "service/service.h"
#include "visitors.h"

int main(int argc, char** argv) {
  return fairlead::service::run(argc, argv,
                                {.name = "visitors",
                                 .summary = "counts unique visitors",
                                 .version = visitors::kVersion,
                                 .openapi = embedded::openapi_json,
                                 .make = &visitors::Visitors::make,
                                 .migrations = visitors::migrations(),
                                 .database = &fairlead::service::database_from_environment});
}
