#include "edge/follow.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "io/resolve.h"

namespace fairlead::edge {

using nlohmann::json;

namespace {

constexpr std::string_view kService = "srv:";

struct Plan {
  control::Snapshot snapshot;
  std::map<std::string, std::string> names;  // by pool
};

Result<Plan> read_plan(const std::filesystem::path& file) {
  TRY(const std::string text, read_file(file));
  const json document = json::parse(text, nullptr, false);
  const auto wrong = [&](std::string_view what) {
    return fail(Code::kInvalid, fmt::format("{}: {}", file.string(), what));
  };
  if (!document.is_object() || !document.contains("snapshot"))
    return wrong("it is a JSON object with a \"snapshot\" and \"names\"");
  auto snapshot = control::snapshot_from_json(document["snapshot"].dump());
  if (!snapshot) return fail(std::move(snapshot).error().in(file.string()));
  Plan plan{.snapshot = *std::move(snapshot)};
  for (const auto& [pool, name] : document.value("names", json::object()).items()) {
    if (!std::ranges::count(plan.snapshot.pools, pool, &control::Pool::name))
      return wrong(fmt::format("names: there is no pool '{}'", pool));
    if (!name.is_string()) return wrong(fmt::format("names: that of '{}' is no text", pool));
    plan.names[pool] = name;
  }
  return plan;
}

io::Task<Result<std::vector<io::Service>>> ask(io::Loop& loop, io::Worker& resolver,
                                               std::string name) {
  if (name.starts_with(kService))
    co_return co_await io::resolve_service(loop, resolver, name.substr(kService.size()));
  const auto colon = name.rfind(':');
  const auto port =
      parse_unsigned(std::string_view(name).substr(std::min(colon, name.size() - 1) + 1));
  if (colon == std::string::npos || !port || *port == 0 || *port > 65535)
    co_return fail(Code::kInvalid, fmt::format("'{}' is no HOST:PORT", name));
  co_return co_await io::resolve_all(loop, resolver, name.substr(0, colon),
                                     static_cast<std::uint16_t>(*port));
}

}  // namespace

io::Task<void> Follower::find(io::Loop& loop, const std::string& name, control::Pool& pool) {
  auto& known = known_[pool.name];
  const auto found = co_await ask(loop, resolver_, name);
  if (found) {
    known.clear();
    for (const auto& one : *found)
      known.push_back({.id = fmt::format("{}@{}", pool.name, one.address.to_string()),
                       .address = one.address.to_string(),
                       .weight = one.weight});
  } else if (found.error().code() == Code::kNotFound) {
    known.clear();
  }
  pool.origins = known;
}

io::Task<Result<control::Snapshot>> Follower::look(io::Loop& loop) {
  CO_TRY(auto plan, read_plan(file_));
  for (auto& pool : plan.snapshot.pools)
    if (const auto name = plan.names.find(pool.name); name != plan.names.end())
      co_await find(loop, name->second, pool);
  co_return std::move(plan.snapshot);
}

bool same_but_for_version(control::Snapshot a, control::Snapshot b) {
  a.version = b.version = 0;
  return control::to_json(a) == control::to_json(b);
}

}  // namespace fairlead::edge
