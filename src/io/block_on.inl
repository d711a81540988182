// Implementation of block_on(), part of sync.h.

namespace fairlead::io {

namespace detail {
template <typename T>
Task<void> store_result(Loop& loop, Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
  loop.stop();
}
inline Task<void> stop_after(Loop& loop, Task<void> task) {
  co_await std::move(task);
  loop.stop();
}
}  // namespace detail

template <typename T>
T block_on(Loop& loop, Task<T> task) {
  Gate gate(loop);
  if constexpr (std::is_void_v<T>) {
    gate.spawn(detail::stop_after(loop, std::move(task)));
    loop.run();
  } else {
    std::optional<T> result;
    gate.spawn(detail::store_result<T>(loop, std::move(task), result));
    loop.run();
    return std::move(*result);
  }
}

}  // namespace fairlead::io
