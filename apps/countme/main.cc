#include "countme.h"
#include "embedded.h"
#include "service/service.h"
#include "sql_counter.h"

int main(int argc, char** argv) {
  return fairlead::service::run(argc, argv,
                                {.name = "countme",
                                 .summary = "says how often it has been seen",
                                 .version = countme::kVersion,
                                 .openapi = embedded::openapi_json,
                                 .make = &countme::Countme::make,
                                 .migrations = countme::migrations(),
                                 .database = &countme::database});
}
