# Every library from outside, each with its reason in docs/dependencies.md. All are Debian packages.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json 3 REQUIRED)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(CLI11 REQUIRED IMPORTED_TARGET CLI11)
pkg_check_modules(libnghttp2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(libarchive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
if(FAIRLEAD_TESTS)
  find_package(GTest REQUIRED)
endif()

# Which folder links what. A heavy header stays in the one .cc that needs it.
set(fairlead_base_LIBRARIES fmt::fmt OpenSSL::Crypto)
set(fairlead_config_LIBRARIES nlohmann_json::nlohmann_json)  # tomlplusplus: its headers alone
set(fairlead_io_LIBRARIES Threads::Threads OpenSSL::SSL)
set(fairlead_store_LIBRARIES PkgConfig::sqlite3 PkgConfig::libpq PkgConfig::hiredis)
set(fairlead_service_LIBRARIES nlohmann_json::nlohmann_json)
set(fairlead_control_LIBRARIES nlohmann_json::nlohmann_json)
set(fairlead_ship_LIBRARIES PkgConfig::libarchive PkgConfig::zlib OpenSSL::Crypto nlohmann_json::nlohmann_json)
set(fairlead_cli_LIBRARIES PkgConfig::CLI11)
