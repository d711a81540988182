#include "birthdays.h"
#include "embedded.h"
#include "hello.h"

int main(int argc, char** argv) {
  return fairlead::service::run(argc, argv,
                                {.name = "hello",
                                 .summary = "greets on birthdays",
                                 .version = hello::kVersion,
                                 .openapi = embedded::openapi_json,
                                 .make = &hello::Hello::make,
                                 .migrations = hello::migrations(),
                                 .database = &hello::database,
                                 .lambda = true});
}
