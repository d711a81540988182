#include "io/resolve.h"

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <limits>

namespace fairlead::io {

namespace {

Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const auto service = fmt::format("{}", port);
  const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  if (error != 0) {
    const bool nothing = error == EAI_NONAME || error == EAI_NODATA;
    return fail(
        nothing ? Code::kNotFound : Code::kUnavailable,
        fmt::format("cannot resolve {}: {}", host,
                    error == EAI_SYSTEM ? "the system's resolver failed" : ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<Address> addresses;
  for (const auto* entry = found; entry; entry = entry->ai_next)
    addresses.push_back(Address::of(entry->ai_addr, entry->ai_addrlen));
  return addresses;
}

Result<std::vector<Service>> sorted(Result<std::vector<Service>> services) {
  if (!services) return services;
  const auto text = [](const Service& service) { return service.address.to_string(); };
  std::ranges::sort(*services, {}, text);
  const auto again = std::ranges::unique(*services, {}, text);
  services->erase(again.begin(), again.end());
  return services;
}

Result<std::vector<Service>> look_up_all(const std::string& host, std::uint16_t port) {
  std::vector<Service> services;
  TRY(auto addresses, look_up(host, port));
  for (auto& address : addresses) services.push_back({std::move(address)});
  return sorted(std::move(services));
}

struct Record {
  std::uint16_t priority, weight, port;
  std::string host;
};

// The SRV records of an answer; those that cannot be read are left out.
std::vector<Record> records_in(ns_msg& message) {
  std::vector<Record> records;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv) continue;
    const auto* data = ns_rr_rdata(record);
    char host[NS_MAXDNAME];
    if (ns_rr_rdlen(record) < 7 ||
        dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, host, sizeof host) < 0)
      continue;
    records.push_back({static_cast<std::uint16_t>(ns_get16(data)),
                       static_cast<std::uint16_t>(ns_get16(data + 2)),
                       static_cast<std::uint16_t>(ns_get16(data + 4)), host});
  }
  return records;
}

Result<std::vector<Service>> look_up_service(const std::string& name) {
  unsigned char answer[16 * 1024];
  struct __res_state state{};
  if (::res_ninit(&state) != 0) return fail(Code::kUnavailable, "the system's resolver failed");
  const int size = ::res_nsearch(&state, name.c_str(), ns_c_in, ns_t_srv, answer, sizeof answer);
  const bool nothing = state.res_h_errno == HOST_NOT_FOUND || state.res_h_errno == NO_DATA;
  ::res_nclose(&state);
  ns_msg message{};
  if (size < 0 || ns_initparse(answer, std::min<int>(size, sizeof answer), &message) != 0)
    return fail(nothing ? Code::kNotFound : Code::kUnavailable,
                fmt::format("cannot resolve the service {}", name));
  const auto records = records_in(message);
  unsigned best = std::numeric_limits<unsigned>::max();
  for (const auto& record : records) best = std::min<unsigned>(best, record.priority);
  std::vector<Service> services;
  for (const auto& record : records) {
    if (record.priority != best) continue;
    TRY(auto addresses, look_up(record.host, record.port));
    for (auto& address : addresses)
      services.push_back({std::move(address), std::max<unsigned>(1, record.weight)});
  }
  return sorted(std::move(services));
}

}  // namespace

Task<Result<std::vector<Address>>> resolve(Loop& loop, Worker& worker, std::string host,
                                           std::uint16_t port) {
  if (auto address = Address::ip(host, port)) co_return std::vector<Address>{*std::move(address)};
  auto found = co_await worker.run(loop, [&host, port] { return look_up(host, port); });
  if (!found) co_return fail(Code::kUnavailable, found.error().message());
  co_return found;
}

Task<Result<std::vector<Service>>> resolve_all(Loop& loop, Worker& worker, std::string host,
                                               std::uint16_t port) {
  co_return co_await worker.run(loop, [&host, port] { return look_up_all(host, port); });
}

Task<Result<std::vector<Service>>> resolve_service(Loop& loop, Worker& worker, std::string name) {
  co_return co_await worker.run(loop, [&name] { return look_up_service(name); });
}

}  // namespace fairlead::io
