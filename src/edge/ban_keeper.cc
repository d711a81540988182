#include "edge/ban_keeper.h"

#include "base/file.h"

namespace fairlead::edge {

namespace {

constexpr Duration kNftPatience = 10s;
// Bans that come together are one transaction.
constexpr Duration kPause = 100ms;

}  // namespace

BanKeeper::BanKeeper(io::Loop& loop, std::filesystem::path folder, Guard& guard,
                     telemetry::Log& log)
    : loop_(loop),
      guard_(guard),
      log_(log),
      kernel_(loop, folder),
      changed_(std::make_shared<io::Event>(loop)),
      gate_(loop) {
  guard_.start([&loop, changed = changed_] { loop.post([changed] { changed->set(); }); });
  gate_.spawn(keep(*this));
}

Result<> BanKeeper::serve(const Edge& edge) {
  const std::string& file = edge.snapshot().guard.ban_file;
  std::vector<std::uint16_t> ports;
  for (const Listeners::Opened& listener : edge.listening())
    if (!listener.address.is_unix()) ports.push_back(listener.address.port());
  if (file_.native() != file) {
    const auto text = file.empty() ? Result<std::string>("[]") : read_file(file);
    if (!text && text.error().code() != Code::kNotFound) return fail(text.error());
    // A broken list must not keep the edge from serving.
    if (const auto loaded = guard_.bans().load(text.value_or("[]"), wall_now()); !loaded)
      log_.error("the list of bans cannot be read", loaded.error());
    file_ = file;
    changed_->set();
  }
  if (ports != ports_) {
    ports_ = std::move(ports);
    kernel_state_ = KernelState::kUntried;
    changed_->set();
  }
  return {};
}

io::Task<void> BanKeeper::keep(BanKeeper& self) {
  const auto until_stopped = io::Deadline::never().or_when(self.stop_);
  while (co_await self.changed_->wait(until_stopped)) {
    self.changed_->reset();
    co_await self.carry();
    static_cast<void>(co_await io::sleep(self.loop_, kPause, until_stopped));
  }
}

io::Task<void> BanKeeper::carry() {
  const WallTime time = wall_now();
  if (!ports_.empty()) co_await carry_to_kernel(time);
  if (file_.empty()) co_return;
  if (auto saved = write_file_atomically(file_, guard_.bans().save(time), 0600); !saved)
    log_.error("the list of bans cannot be saved", saved.error());
}

io::Task<void> BanKeeper::carry_to_kernel(WallTime time) {
  auto bans = guard_.bans().current(time);
  if (kernel_state_ == KernelState::kUntried && !bans.empty()) {
    const auto opened = co_await kernel_.open(ports_, io::Deadline::in(kNftPatience));
    kernel_state_ = opened ? KernelState::kOpen : KernelState::kRefused;
    if (opened) {
      log_.info("bans are enforced by the kernel", {{"table", kernel_.table()}});
    } else {
      log_.info("bans are enforced by the edge alone", {{"why", opened.error().message()}});
    }
  }
  if (kernel_state_ != KernelState::kOpen) co_return;
  const auto held =
      co_await kernel_.hold(std::move(bans), time, io::Deadline::in(kNftPatience).or_when(stop_));
  if (held || stop_.requested()) co_return;
  // Somebody has taken the table away, perhaps.
  log_.warn("the kernel did not take the bans: its table is made anew",
            {{"why", held.error().message()}});
  kernel_state_ = KernelState::kUntried;
  changed_->set();
}

io::Task<void> BanKeeper::stop() {
  guard_.start({});
  stop_.request();
  static_cast<void>(co_await gate_.drained(io::Deadline::never()));
  if (in_kernel()) static_cast<void>(co_await kernel_.close(io::Deadline::in(kNftPatience)));
}

}  // namespace fairlead::edge
