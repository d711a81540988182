#include "io/loop.h"

#include <sys/eventfd.h>

#include <cassert>

namespace fairlead::io {

// ---- timers: a 4-ary heap of pointers, ordered by heap_at_

void Timer::arm(Instant at) {
  at_ = at;
  armed_ = true;
  if (slot_ == 0) {
    heap_at_ = at;
    loop_->heap_insert(*this);
  } else if (at < heap_at_) {
    heap_at_ = at;
    loop_->sift_up(slot_ - 1);
  }
}

void Timer::cancel() {
  armed_ = false;
  if (slot_ != 0) loop_->heap_remove(*this);
}

void Loop::place(std::size_t index, Timer* timer) {
  heap_[index] = timer;
  timer->slot_ = index + 1;
}

void Loop::heap_insert(Timer& timer) {
  heap_.push_back(&timer);
  timer.slot_ = heap_.size();
  sift_up(heap_.size() - 1);
}

void Loop::heap_remove(Timer& timer) {
  const std::size_t index = timer.slot_ - 1;
  timer.slot_ = 0;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  place(index, last);
  sift_up(index);
  sift_down(last->slot_ - 1);
}

void Loop::sift_up(std::size_t index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 4;
    if (heap_[parent]->heap_at_ <= timer->heap_at_) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, timer);
}

void Loop::sift_down(std::size_t index) {
  Timer* timer = heap_[index];
  for (;;) {
    const std::size_t first = index * 4 + 1;
    if (first >= heap_.size()) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < std::min(first + 4, heap_.size()); ++child)
      if (heap_[child]->heap_at_ < heap_[least]->heap_at_) least = child;
    if (timer->heap_at_ <= heap_[least]->heap_at_) break;
    place(index, heap_[least]);
    index = least;
  }
  place(index, timer);
}

void Loop::run_timers() {
  while (!heap_.empty() && heap_.front()->heap_at_ <= now_) {
    Timer& timer = *heap_.front();
    if (timer.at_ > now_) {  // was moved later since it was put here
      timer.heap_at_ = timer.at_;
      sift_down(0);
      continue;
    }
    timer.cancel();
    timer.callback_();  // may destroy the timer
  }
}

// Milliseconds until the next timer, rounded up so that it is due when the wait ends.
int Loop::wait_time() const {
  if (!deferred_.empty() || !ready_.empty()) return 0;
  if (heap_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(heap_.front()->heap_at_ - fairlead::now())
          .count();
  if (left <= 0) return 0;
  return static_cast<int>(std::min<decltype(left)>(left, 60'000));
}

// ---- the loop

namespace {

// Drained by Loop itself: its place in the epoll set is marked by a null pointer.
constexpr Watcher* kWakeup = nullptr;

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  std::unique_ptr<Loop> loop(new Loop());
  loop->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop->epoll_) return fail_errno("epoll_create1");
  loop->wakeup_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->wakeup_) return fail_errno("eventfd");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = kWakeup}};
  if (::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->wakeup_.get(), &event) != 0)
    return fail_errno("epoll_ctl");
  return loop;
}

Loop::~Loop() {
  for (Timer* timer : heap_) timer->slot_ = 0;
}

void Loop::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    batch_size_ = ::epoll_wait(epoll_.get(), batch_, std::size(batch_), wait_time());
    now_ = fairlead::now();
    for (batch_next_ = 0; batch_next_ < batch_size_;) {
      const epoll_event& event = batch_[batch_next_++];
      if (event.events == 0) continue;  // unwatched by an earlier event of this batch
      if (event.data.ptr == kWakeup)
        run_posted();
      else
        static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
    }
    run_timers();
    run_deferred();
  }
  stopping_.store(false, std::memory_order_release);
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
}

Result<> Loop::add(int fd, Watcher& watcher, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll_ctl");
  return {};
}

Result<> Loop::watch(int fd, Watcher& watcher) {
  return add(fd, watcher, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

Result<> Loop::watch_level(int fd, Watcher& watcher) { return add(fd, watcher, EPOLLIN); }

void Loop::unwatch(int fd, Watcher& watcher) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (int i = batch_next_; i < batch_size_; ++i)
    if (batch_[i].data.ptr == &watcher) batch_[i].events = 0;
}

void Loop::run_deferred() {
  // Work may defer more work; that waits for the next iteration, so that sockets are not starved.
  if (!deferred_.empty()) {
    auto work = std::exchange(deferred_, {});
    for (auto& function : work) function();
    if (deferred_.empty()) {  // give the storage back
      work.clear();
      deferred_.swap(work);
    }
  }
  if (!ready_.empty()) {
    auto coroutines = std::exchange(ready_, {});
    for (const auto coroutine : coroutines) coroutine.resume();
    if (ready_.empty()) {
      coroutines.clear();
      ready_.swap(coroutines);
    }
  }
}

void Loop::post(std::move_only_function<void()> work) {
  bool was_empty;
  {
    std::lock_guard lock(posted_mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (!was_empty) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
}

void Loop::run_posted() {
  std::uint64_t count;
  [[maybe_unused]] const auto n = ::read(wakeup_.get(), &count, sizeof count);
  std::vector<std::move_only_function<void()>> work;
  {
    std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& function : work) function();
}

}  // namespace fairlead::io
