#include "io/resolve.h"

#include <fmt/format.h>
#include <netdb.h>

namespace fairlead::io {

namespace {

Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const auto service = fmt::format("{}", port);
  const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  if (error != 0)
    return fail(Code::kUnavailable, fmt::format("cannot resolve {}: {}", host,
                                                error == EAI_SYSTEM ? "the system's resolver failed"
                                                                    : ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<Address> addresses;
  for (const auto* entry = found; entry; entry = entry->ai_next)
    addresses.push_back(Address::of(entry->ai_addr, entry->ai_addrlen));
  return addresses;
}

}  // namespace

Task<Result<std::vector<Address>>> resolve(Loop& loop, Worker& worker, std::string host,
                                           std::uint16_t port) {
  if (auto address = Address::ip(host, port)) co_return std::vector<Address>{*std::move(address)};
  co_return co_await worker.run(loop, [&host, port] { return look_up(host, port); });
}

}  // namespace fairlead::io
