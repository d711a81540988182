#include "cli/harden_verb.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "cli/terminal.h"
#include "config/values.h"
#include "harden/apply.h"

namespace fairlead::cli {

namespace {

Result<harden::Plan> plan_of(const HardenOptions& options) {
  harden::Wishes wishes;
  wishes.root = options.root;
  if (!options.ports.empty()) wishes.ports = options.ports;
  if (!options.users.empty()) {
    TRY(const std::string text, read_file(options.users));
    auto users = harden::parse_users(text);
    if (!users) return fail(std::move(users).error().in(options.users));
    wishes.users = *std::move(users);
  }
  if (!options.only.empty()) {
    const auto wanted = [&](const char* part) {
      return std::ranges::find(options.only, part) != options.only.end();
    };
    wishes.firewall = wanted("firewall");
    wishes.ssh = wanted("ssh");
    wishes.updates = wanted("updates");
    wishes.kernel = wanted("kernel");
    if (!wanted("users")) wishes.users.clear();
  }
  return harden::make_plan(wishes, harden::present_session());
}

Result<> apply(const HardenOptions& options) {
  TRY(const harden::Plan plan, plan_of(options));
  fmt::print("{}", to_text(plan));
  if (plan.changes.empty()) {
    fmt::print("everything is so already\n");
    return {};
  }
  TRY(const Duration patience, config::parse_duration(options.within));
  TRY_VOID(harden::apply(plan));
  if (options.stay) {
    TRY_VOID(harden::confirm(options.root));
    fmt::print("\ndone; 'fairlead harden undo' takes it back\n");
    return {};
  }
  TRY_VOID(harden::undo_unless_confirmed(options.root, patience));
  fmt::print(
      "\ndone, for {} only: log in from a second terminal now. If you get in, say there\n"
      "  fairlead harden confirm\n"
      "or everything is taken back.\n",
      human(patience));
  return {};
}

Result<> undo(const HardenOptions& options) {
  TRY(const auto left, harden::undo(options.root));
  for (const std::string& each : left) fmt::print(stderr, "left as it is: {}\n", each);
  if (!left.empty()) return fail(Code::kExists, "not everything could be taken back");
  fmt::print("everything is as it was\n");
  return {};
}

Result<> run(const HardenOptions& options) {
  if (options.action == "apply") return apply(options);
  if (options.action == "undo") return undo(options);
  if (options.action == "confirm") {
    TRY_VOID(harden::confirm(options.root));
    fmt::print("confirmed: it stays\n");
    return {};
  }
  TRY(const harden::Plan plan, plan_of(options));
  fmt::print("{}", plan.changes.empty() ? "everything is so already\n" : to_text(plan));
  return {};
}

}  // namespace

int run_harden(const HardenOptions& options) {
  const auto done = run(options);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

}  // namespace fairlead::cli
