#include "cli/cache_verb.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/edge_client.h"
#include "cli/guard_setup.h"
#include "cli/terminal.h"
#include "control/snapshot.h"
#include "http/message.h"

namespace fairlead::cli {

namespace {

using Json = nlohmann::ordered_json;

Result<std::string> purge_target(const CacheOptions& options) {
  std::string query;
  int given = 0;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    ++given;
    query += fmt::format("{}={}&", name, http::percent_encode(value));
  };
  add("url", options.url);
  add("prefix", options.prefix);
  add("tag", options.tag);
  add("environment", options.environment);
  add("all", options.all ? "1" : "");
  if (given != 1) {
    return fail(Error(Code::kInvalid, "what shall be purged?")
                    .hint("give one of: a URL, --prefix, --tag, --environment, --all"));
  }
  return fmt::format("/cache/purge?{}soft={}", query, options.soft ? 1 : 0);
}

void show_purge(const Json& answer, bool soft) {
  const auto n = answer.value("purged", std::uint64_t{0});
  fmt::print("{} {} {}\n", n, n == 1 ? "response" : "responses", soft ? "made stale" : "purged");
}

void show_stats(const Json& s) {
  const auto number = [&](const char* name) { return s.value(name, std::uint64_t{0}); };
  const std::uint64_t asked = number("hits") + number("revalidated") + number("misses");
  fmt::print("stored       {} responses, {} of {}\n", number("entries"),
             human_bytes(number("bytes")), human_bytes(number("budget_bytes")));
  fmt::print(
      "hits         {} ({:.1f} %)\n", number("hits"),
      asked == 0 ? 0.0 : static_cast<double>(number("hits")) * 100 / static_cast<double>(asked));
  fmt::print("revalidated  {}\nmisses       {}\nevicted      {}\n", number("revalidated"),
             number("misses"), number("evictions"));
}

void show_inspection(const Json& answer) {
  const std::string url = answer.value("url", "");
  if (answer["stored"].empty()) {
    fmt::print("{}\n  not cached: {}\n", url, answer.value("why", ""));
    return;
  }
  fmt::print("{}\n", url);
  for (const Json& entry : answer["stored"]) {
    fmt::print("  {} with {}, {}: {} s old, fresh for {} s\n", entry.value("status", 0),
               human_bytes(entry.value("body_bytes", std::uint64_t{0})),
               entry.value("fresh", false) ? "fresh" : "stale", entry.value("age_s", 0),
               entry.value("lifetime_s", 0u));
    for (const auto line : split(entry.value("varies", ""), '\n')) {
      if (!line.empty()) fmt::print("    for {}\n", line);
    }
    if (const auto tags = entry.value("tags", ""); !tags.empty()) fmt::print("    tags {}\n", tags);
  }
}

// What an app is given as PURGE_URL, for programs that run elsewhere.
Result<> print_purge_urls(const CacheOptions& options) {
  TRY(const std::string body,
      ask_edge(options.state, options.app, http::Method::kGet, "/snapshot"));
  TRY(const control::Snapshot snapshot, control::snapshot_from_json(body));
  for (const control::PurgeToken& token : snapshot.purge_tokens) {
    if (!options.environment.empty() && options.environment != token.environment) continue;
    fmt::print("{}\n", purge_url(snapshot.listeners.front().address, token.token));
  }
  return {};
}

Result<> run(const CacheOptions& options) {
  if (options.action == "url") return print_purge_urls(options);
  const bool purges = options.action == "purge";
  std::string target = "/cache/stats";
  if (purges) {
    TRY(target, purge_target(options));
  } else if (options.action == "inspect") {
    if (options.url.empty()) {
      return fail(Error(Code::kInvalid, "which URL?").hint("fairlead cache inspect http://…"));
    }
    target = "/cache/inspect?url=" + http::percent_encode(options.url);
  }
  const http::Method method = purges ? http::Method::kPost : http::Method::kGet;
  TRY(const std::string body, ask_edge(options.state, options.app, method, std::move(target)));
  const Json answer = Json::parse(body, nullptr, false);
  if (options.json) {
    fmt::print("{}\n", answer.dump());
  } else if (purges) {
    show_purge(answer, options.soft);
  } else if (options.action == "stats") {
    show_stats(answer);
  } else {
    show_inspection(answer);
  }
  return {};
}

}  // namespace

int run_cache(const CacheOptions& options) {
  const auto done = run(options);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

}  // namespace fairlead::cli
