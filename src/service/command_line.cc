#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "service/lambda.h"
#include "service/serve.h"
#include "service/service.h"

namespace fairlead::service {

namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

void print(std::FILE* where, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), where);
}

int complain(const Definition& definition, const Error& error, int code) {
  print(stderr, fmt::format("{}: {}\n", definition.name, error.message()));
  if (!error.hint().empty()) print(stderr, fmt::format("  {}\n", error.hint()));
  return code;
}

int help(const Definition& definition, std::FILE* where) {
  std::string text =
      fmt::format("{} {}: {}\n\n", definition.name, definition.version, definition.summary);
  const auto line = [&](std::string_view usage, std::string_view what) {
    text += fmt::format("  {} {:<24} {}\n", definition.name, usage, what);
  };
  line("serve", "answer requests (also without a word)");
  if (definition.database)
    line("migrate [up|down|status]", "bring the database's schema up to date, back, or show it");
  for (const auto& verb : definition.verbs) line(verb.usage, "");
  line("version", "print the version");
  line("help", "print this");
  text +=
      "\nConfigured by the environment: PORT (8080), HOST (127.0.0.1), FAIRLEAD_SOCKET,\n"
      "TRUSTED_PROXIES (loopback,unix), APP_VERSION, APP_DEBUG, and what its README lists.\n";
  print(where, text);
  return where == stdout ? kOk : kUsage;
}

void print_state(const store::MigrationState& state) {
  std::string text = fmt::format("schema version {}\n", state.version);
  for (const auto& step : state.steps)
    text += fmt::format("{:>4}  {:<32} {}\n", step.version, step.name,
                        step.applied_at.empty() ? "not applied" : step.applied_at);
  print(stdout, text);
}

int migrate(const Definition& definition, const Environment& environment, std::string_view how) {
  if (!definition.database)
    return complain(definition, Error(Code::kInvalid, "has no database to migrate"), kUsage);
  const auto url = definition.database(environment);
  if (!url) return complain(definition, url.error(), kUsage);
  if (!*url) {
    print(stdout, "nothing to migrate: no SQL database is configured\n");
    return kOk;
  }
  auto state = how == "up"     ? store::migrate_up(**url, definition.migrations)
               : how == "down" ? store::migrate_down(**url, definition.migrations)
                               : store::migration_state(**url, definition.migrations);
  if (!state)
    return complain(definition,
                    std::move(state).error().in(fmt::format("cannot migrate {}", (*url)->shown)),
                    kFailed);
  for (const int version : state->changed)
    print(stdout, fmt::format("{} migration {}\n", how == "up" ? "applied" : "undid", version));
  print_state(*state);
  return kOk;
}

}  // namespace

int run(int argc, char** argv, const Definition& definition) {
  // A peer that is gone (OpenSSL writes without MSG_NOSIGNAL) and a file that may not grow are
  // errors of one request.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const auto environment = Environment::of_process();
  const auto verb = words.empty() ? std::string_view("serve") : words[0];
  const auto argument = words.size() > 1 ? words[1] : std::string_view();

  if (verb == "help" || verb == "--help" || verb == "-h") return help(definition, stdout);
  for (const auto& own : definition.verbs)
    if (own.name == verb) return own.run(environment, {words.begin() + 1, words.end()});
  if (verb == "version" && words.size() == 1) {
    const auto version = version_from_environment(environment, definition.version);
    if (!version) return complain(definition, version.error(), kUsage);
    print(stdout, fmt::format("{}\n", *version));
    return kOk;
  }
  if (verb == "serve" && words.size() <= 1) {
    const auto lambda = environment.find("AWS_LAMBDA_RUNTIME_API");
    const auto served = lambda && definition.lambda ? serve_lambda(definition, environment, *lambda)
                                                    : serve(definition, environment);
    if (served) return kOk;
    return complain(definition, served.error(),
                    served.error().code() == Code::kInvalid ? kUsage : kFailed);
  }
  if (verb == "migrate" && words.size() <= 2) {
    if (argument.empty()) return migrate(definition, environment, "up");
    if (argument == "up" || argument == "down" || argument == "status")
      return migrate(definition, environment, argument);
  }
  return help(definition, stderr);
}

Result<std::optional<store::DatabaseUrl>> database_from_environment(
    const Environment& environment) {
  const auto text = environment.find("DATABASE_URL");
  if (!text) return std::nullopt;
  TRY(auto url, store::parse_database_url("DATABASE_URL", *text));
  return url;
}

}  // namespace fairlead::service
