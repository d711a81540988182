// A PostgreSQL server of the test program's own: a fresh cluster in a temporary folder, reached by
// a Unix socket, ended with the program even if that crashes.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "base/clock.h"
#include "store/test_process.h"

namespace fairlead::store {

class TestPostgres {
 public:
  // Started on first use, shared by the tests of the program.
  static TestPostgres& instance() {
    static TestPostgres server;
    return server;
  }

  ~TestPostgres() {
    stop(SIGQUIT);
    std::filesystem::remove_all(folder_);
  }

  // A new, empty database, as a URL.
  std::string new_database() {
    const auto name = fmt::format("t{}", ++databases_);
    sql(fmt::format("CREATE DATABASE {}", name));
    return fmt::format("postgresql:///{}?host={}&user=postgres", name, folder_.string());
  }

  void start() {
    pid_ = run_in_background({program("postgres"), "-D", data(), "-k", folder_.string(), "-c",
                              "listen_addresses=", "-c", "max_connections=100"});
    const auto give_up = now() + 60s;
    while (PQping(conninfo().c_str()) != PQPING_OK && now() < give_up)
      std::this_thread::sleep_for(20ms);
  }
  // SIGINT: as an operator does (clients are cut off); SIGQUIT: as in a crash.
  void stop(int signal = SIGINT) {
    if (pid_ <= 0) return;
    end_process(std::exchange(pid_, 0), signal);
  }
  void sql(const std::string& statement) {
    PGconn* connection = PQconnectdb(conninfo().c_str());
    PGresult* result = PQexec(connection, statement.c_str());
    const auto status = PQresultStatus(result);
    EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << PQresultErrorMessage(result) << PQerrorMessage(connection);
    PQclear(result);
    PQfinish(connection);
  }
  pid_t pid() const { return pid_; }

 private:
  TestPostgres() {
    std::string folder = (std::filesystem::temp_directory_path() / "fl-pg-XXXXXX").string();
    if (!::mkdtemp(folder.data())) std::abort();
    folder_ = folder;
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
    const pid_t initdb = run_in_background({program("initdb"), "-D", data(), "-U", "postgres", "-A",
                                            "trust", "-E", "UTF8", "--no-sync"});
    int status = 0;
    ::waitpid(initdb, &status, 0);
    if (status != 0) std::abort();
    start();
  }

  static std::string program(std::string_view name) {
    return fmt::format("/usr/lib/postgresql/15/bin/{}", name);
  }
  std::string data() const { return (folder_ / "data").string(); }
  std::string conninfo() const {
    return fmt::format("postgresql:///postgres?host={}&user=postgres", folder_.string());
  }

  // PostgreSQL refuses to run as root.
  static pid_t run_in_background(std::vector<std::string> arguments) {
    if (::geteuid() == 0)
      arguments.insert(arguments.begin(),
                       {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                        "--pdeathsig=QUIT", "--"});
    return start_in_background(std::move(arguments));
  }

  std::filesystem::path folder_;
  pid_t pid_ = 0;
  int databases_ = 0;
};

}  // namespace fairlead::store
