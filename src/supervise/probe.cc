#include "supervise/probe.h"

#include <fmt/format.h>

#include "http/client.h"

namespace fairlead::supervise {

io::Task<ProbeResult> probe(io::Loop& loop, io::Address address, std::string path,
                            io::Deadline deadline) {
  ProbeResult result;
  result.evidence.address = address.to_string();
  if (path.empty()) {
    result.evidence.request = "connect";
    const auto stream = co_await io::connect(loop, address, deadline);
    result.ready = stream.has_value();
    if (!stream) result.evidence.error = stream.error().message();
    co_return result;
  }

  result.evidence.request = fmt::format("GET {}", path);
  http::Client client(loop, address, "localhost", {.max_idle = 0, .max_body = 1 << 20});
  http::Request request;
  request.target = path;
  request.fields.add("User-Agent", "fairlead-probe");
  const auto response = co_await client.send(std::move(request), deadline);
  if (!response) {
    result.evidence.error = response.error().message();
    co_return result;
  }
  constexpr std::size_t kShownBody = 300;
  result.ready = response->status >= 200 && response->status < 300;
  result.evidence.status = response->status;
  if (const auto* location = response->fields.find("Location"))
    result.evidence.location = *location;
  result.evidence.body = response->body.substr(0, kShownBody);
  co_return result;
}

}  // namespace fairlead::supervise
