// What every fallible function in Fairlead returns.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace fairlead {

// What kind of failure it was: what a caller may want to branch on. Everything else is in the text.
enum class Code {
  kInvalid,      // the input is wrong; trying again will not help
  kNotFound,     // what was asked for does not exist
  kExists,       // what should be made is there already
  kDenied,       // not allowed
  kUnavailable,  // not now: refused, unreachable, overloaded; trying again may help
  kTimeout,      // the deadline passed
  kCancelled,    // the operation was told to stop
  kClosed,       // the peer closed the connection in an orderly way
  kTooLarge,     // a limit was passed
  kProtocol,     // the peer broke the protocol
  kSystem,       // a system call failed for another reason; see sys()
  kInternal,     // our own bug
};

std::string_view to_string(Code code);

// A failure: a code, and a chain of context that reads as a sentence, outermost first:
// "cannot start web.1: exec /srv/visitors: No such file or directory". A plain value, cheap to
// move.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  // The failure of a system call: `what` followed by the errno's text. The code follows from the
  // errno (ETIMEDOUT is kTimeout, ECONNREFUSED kUnavailable, …).
  static Error system(std::string_view what, int error_number = errno);

  // The same failure seen from one level further out: "`what`: <message>".
  [[nodiscard]] Error in(std::string_view what) &&;

  // The next step for the person who reads the error ("run 'fairlead check'"). One sentence, no
  // full stop.
  [[nodiscard]] Error hint(std::string next_step) &&;

  Code code() const { return code_; }
  int sys() const { return sys_; }  // the errno, or 0
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }

 private:
  Code code_;
  int sys_ = 0;
  std::string message_;
  std::string hint_;
};

template <typename T = void>
using Result = std::expected<T, Error>;

// Shorthand for `return std::unexpected(Error(...))`.
inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error(code, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }
// The failure of the system call that just set errno.
inline std::unexpected<Error> fail_errno(std::string_view what) {
  return std::unexpected(Error::system(what));
}

}  // namespace fairlead

#define FAIRLEAD_CONCAT_(a, b) a##b
#define FAIRLEAD_CONCAT(a, b) FAIRLEAD_CONCAT_(a, b)
#define FAIRLEAD_TRY_(result, declaration, expression, leave)    \
  auto result = (expression);                                    \
  if (!result) leave std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)

// TRY(auto fd, open_file(path)): binds the value, or returns the error from the enclosing function.
#define TRY(declaration, expression) \
  FAIRLEAD_TRY_(FAIRLEAD_CONCAT(try_result_, __LINE__), declaration, expression, return)
// The same inside a coroutine: CO_TRY(auto n, co_await stream.read(buffer, deadline)).
#define CO_TRY(declaration, expression) \
  FAIRLEAD_TRY_(FAIRLEAD_CONCAT(try_result_, __LINE__), declaration, expression, co_return)
// For a Result<void>.
#define TRY_VOID(expression)                                 \
  if (auto try_result_void = (expression); !try_result_void) \
  return std::unexpected(std::move(try_result_void).error())
#define CO_TRY_VOID(expression)                              \
  if (auto try_result_void = (expression); !try_result_void) \
  co_return std::unexpected(std::move(try_result_void).error())
