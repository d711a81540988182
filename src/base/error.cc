#include "base/error.h"

#include <fmt/format.h>

#include <cstring>

namespace fairlead {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not_found";
    case Code::kExists:
      return "exists";
    case Code::kDenied:
      return "denied";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kClosed:
      return "closed";
    case Code::kTooLarge:
      return "too_large";
    case Code::kProtocol:
      return "protocol";
    case Code::kSystem:
      return "system";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

namespace {

Code code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ESRCH:
      return Code::kNotFound;
    case EEXIST:
    case EADDRINUSE:
      return Code::kExists;
    case EACCES:
    case EPERM:
      return Code::kDenied;
    case ETIMEDOUT:
      return Code::kTimeout;
    case ECANCELED:
      return Code::kCancelled;
    case EPIPE:
    case ECONNRESET:
      return Code::kClosed;
    case ECONNREFUSED:
    case ECONNABORTED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
      return Code::kUnavailable;
    case EINVAL:
      return Code::kInvalid;
    default:
      return Code::kSystem;
  }
}

}  // namespace

Error Error::system(std::string_view what, int error_number) {
  char buffer[128];
  Error error(code_of(error_number),
              fmt::format("{}: {}", what, strerror_r(error_number, buffer, sizeof buffer)));
  error.sys_ = error_number;
  return error;
}

Error Error::in(std::string_view what) && {
  message_ = fmt::format("{}: {}", what, message_);
  return std::move(*this);
}

Error Error::hint(std::string next_step) && {
  hint_ = std::move(next_step);
  return std::move(*this);
}

}  // namespace fairlead
