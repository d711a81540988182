#include "cli/bans_verb.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/edge_client.h"
#include "cli/terminal.h"
#include "config/values.h"
#include "http/message.h"

namespace fairlead::cli {

namespace {

using Json = nlohmann::ordered_json;

void show(const Json& answer) {
  const Json& bans = answer["bans"];
  if (bans.empty()) {
    fmt::print("nobody is banned\n");
    return;
  }
  fmt::print("{:<40} {:>10}  {:>5}  {}\n", "CLIENT", "LEFT", "TIMES", "REASON");
  for (const Json& ban : bans) {
    fmt::print("{:<40} {:>10}  {:>5}  {}\n", ban.value("client", ""),
               human(std::chrono::seconds(ban.value("left_s", 0ll))), ban.value("times", 1u),
               ban.value("reason", ""));
  }
  fmt::print("\nenforced by {}\n",
             answer.value("in_kernel", false) ? "the kernel (nftables)" : "the edge");
}

Result<> run(const BansOptions& options) {
  http::Method method = http::Method::kGet;
  std::string target = "/bans";
  if (options.action != "list") {
    if (options.client.empty())
      return fail(Error(Code::kInvalid, "which client?")
                      .hint(fmt::format("fairlead bans {} 192.0.2.1", options.action)));
    target += "?client=" + http::percent_encode(options.client);
    method = http::Method::kDelete;
  }
  if (options.action == "add") {
    TRY(const Duration length, config::parse_duration(options.length));
    target += fmt::format("&seconds={}", length / 1s);
    if (!options.reason.empty()) target += "&reason=" + http::percent_encode(options.reason);
    method = http::Method::kPost;
  }
  TRY(const std::string body, ask_edge(options.state, options.app, method, std::move(target)));
  const Json answer = Json::parse(body, nullptr, false);
  if (options.json) {
    fmt::print("{}\n", answer.dump());
  } else if (options.action == "list") {
    show(answer);
  } else if (options.action == "add") {
    fmt::print("{} is banned for {}\n", answer.value("client", ""),
               human(std::chrono::seconds(answer.value("left_s", 0ll))));
  } else {
    fmt::print("{} may come in again\n", options.client);
  }
  return {};
}

}  // namespace

int run_bans(const BansOptions& options) {
  const auto done = run(options);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

}  // namespace fairlead::cli
