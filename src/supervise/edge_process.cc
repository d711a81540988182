#include "supervise/edge_process.h"

#include <fmt/format.h>

#include "base/file.h"

namespace fairlead::supervise {

namespace {

constexpr Duration kSendTimeout = 5s;
constexpr Duration kRetryPause = 50ms;
constexpr Duration kDrainPatience = 30s;  // what the edge gives requests in flight

io::Address control_address(const std::filesystem::path& folder) {
  return io::Address::unix_path((folder / "edge.sock").native()).value_or(io::Address());
}

ProcessSpec process_spec(const std::filesystem::path& folder,
                         std::vector<std::string> environment) {
  ProcessSpec spec;
  spec.type = "edge";
  spec.command.name = "edge";
  // This very program, even if another one has taken its place on disk by now.
  spec.command.program = "/proc/self/exe";
  spec.command.argv = {"fairlead", "edge", "--state", folder};
  spec.command.environment = std::move(environment);
  spec.address = control_address(folder);
  spec.health = "/healthz";
  spec.stop_timeout = kDrainPatience + 5s;
  return spec;
}

}  // namespace

EdgeProcess::EdgeProcess(const Surroundings& surroundings, std::vector<std::string> environment,
                         std::function<control::Snapshot()> make_snapshot,
                         std::function<void()> on_change)
    : surroundings_(surroundings),
      folder_(folder_in(surroundings.folder)),
      make_snapshot_(std::move(make_snapshot)),
      process_(surroundings, process_spec(folder_, std::move(environment)), std::move(on_change)),
      client_(surroundings.loop, control_address(folder_), "edge"),
      wake_(surroundings.loop),
      taken_(surroundings.loop),
      gate_(surroundings.loop) {}

control::Snapshot EdgeProcess::next_snapshot() {
  auto snapshot = make_snapshot_();
  // By the clock: no memory is needed of what an earlier control had sent.
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(wall_now().time_since_epoch()).count();
  version_ = std::max(version_ + 1, static_cast<std::uint64_t>(micros));
  snapshot.version = version_;
  return snapshot;
}

Result<> EdgeProcess::start() {
  TRY_VOID(make_directories(folder_, 0700));
  // One that runs already has its own, and gets the present one as a change.
  if (!surroundings_.adopt || !find_running(surroundings_.folder, "edge"))
    TRY_VOID(write_file_atomically(folder_ / "snapshot.json", to_json(next_snapshot()), 0600));
  TRY_VOID(process_.start());
  gate_.spawn(keep_sending(*this));
  return {};
}

io::Task<Result<>> EdgeProcess::until_ready(io::Deadline deadline) {
  auto ready = co_await process_.until_ready(deadline);
  if (!ready) co_return fail(std::move(ready).error().in("edge"));
  co_return Result<>();
}

void EdgeProcess::changed() {
  ++wanted_;
  wake_.set();
}

io::Task<Result<>> EdgeProcess::up_to_date(io::Deadline deadline) {
  const std::uint64_t change = wanted_;
  while (sent_ < change) {
    taken_.reset();
    CO_TRY_VOID(co_await taken_.wait(deadline));
  }
  if (refused_) co_return fail(*refused_);
  co_return Result<>();
}

io::Task<void> EdgeProcess::keep_sending(EdgeProcess& self) {
  const auto until_stopped = io::Deadline::never().or_when(self.stop_);
  while (!self.stop_.requested()) {
    if (self.sent_ == self.wanted_) {
      self.wake_.reset();
      static_cast<void>(co_await self.wake_.wait(until_stopped));
      continue;
    }
    const std::uint64_t change = self.wanted_;
    Result<> sent = fail(Code::kUnavailable, "the edge is not ready");
    if (self.process_.ready()) sent = co_await self.send();
    // What it refuses it would refuse again; the next change may please it.
    if (sent || sent.error().code() == Code::kInvalid) {
      self.sent_ = change;
      self.taken_.set();
    } else {
      // An edge that is just being started again has the last snapshot from its file, and gets
      // this one as soon as it answers.
      static_cast<void>(co_await io::sleep(self.surroundings_.loop, kRetryPause, until_stopped));
    }
  }
}

io::Task<Result<>> EdgeProcess::send() {
  http::Request request;
  request.method = http::Method::kPut;
  request.method_text = "PUT";
  request.target = "/snapshot";
  request.fields.set("Content-Type", "application/json");
  request.body = to_json(next_snapshot());
  CO_TRY(const auto response,
         co_await client_.send(std::move(request), io::Deadline::in(kSendTimeout).or_when(stop_)));
  if (response.status / 100 == 2) {
    refused_.reset();
    co_return Result<>();
  }
  Error refused(
      response.status == 422 ? Code::kInvalid : Code::kProtocol,
      fmt::format("the edge answered {} to a snapshot: {}", response.status, response.body));
  if (!refused_ || refused_->message() != refused.message())
    surroundings_.logs.note("edge", refused.message());
  refused_ = refused;
  co_return fail(std::move(refused));
}

io::Task<Result<>> EdgeProcess::origin_idle(std::string origin, io::Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline.time() - now());
    http::Request request;
    request.method = http::Method::kPost;
    request.method_text = "POST";
    request.target = fmt::format("/wait-idle?origin={}&timeout_ms={}", http::percent_encode(origin),
                                 std::clamp<long>(left.count(), 0, 3'600'000));
    const auto response = co_await client_.send(std::move(request), deadline.within(1h));
    if (response && response->status == 200) co_return Result<>();
    if (response)
      co_return fail(Code::kTimeout, fmt::format("{} still has requests in flight", origin));
    // No answer says nothing about the origin: a kept connection that the edge has just closed, or
    // an edge that is being started again. Who took it for "idle" would cut requests off.
    CO_TRY_VOID(co_await io::sleep(surroundings_.loop, kRetryPause, deadline));
  }
}

io::Task<Result<>> EdgeProcess::purge(std::string environment, io::Deadline deadline) {
  http::Request request;
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.target = "/cache/purge?environment=" + http::percent_encode(environment);
  CO_TRY(const auto response, co_await client_.send(std::move(request), deadline));
  // 404: no route of this edge caches.
  if (response.status == 200 || response.status == 404) co_return Result<>();
  co_return fail(Code::kProtocol, fmt::format("the edge answered {} to a purge: {}",
                                              response.status, response.body));
}

io::Task<Result<std::string>> EdgeProcess::counters(io::Deadline deadline) {
  http::Request request;
  request.target = "/counters";
  CO_TRY(auto response, co_await client_.send(std::move(request), deadline));
  if (response.status != 200)
    co_return fail(Code::kProtocol, fmt::format("the edge answered {}", response.status));
  co_return std::move(response.body);
}

io::Task<Result<>> EdgeProcess::reopen_logs(io::Deadline deadline) {
  http::Request request;
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.target = "/reopen-logs";
  CO_TRY(const auto response, co_await client_.send(std::move(request), deadline));
  if (response.status == 200) co_return Result<>();
  co_return fail(Code::kProtocol, fmt::format("the edge answered {}", response.status));
}

io::Task<void> EdgeProcess::stop() {
  stop_.request();
  co_await process_.stop();
  static_cast<void>(co_await gate_.drained(io::Deadline::never()));
}

}  // namespace fairlead::supervise
