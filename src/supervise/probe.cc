#include "supervise/probe.h"

#include <fmt/format.h>

#include "http/client.h"

namespace fairlead::supervise {

namespace {

// A StartupMessage of nobody's (PostgreSQL, "Message Formats"): one that is ready asks for a
// password or refuses the user; one that is not says 57P03, cannot_connect_now.
std::string postgresql_hello() {
  using namespace std::string_literals;
  const std::string body = "\0\3\0\0user\0fairlead\0database\0postgres\0\0"s;
  const auto size = static_cast<char>(body.size() + 4);
  return "\0\0\0"s + size + body;
}

io::Task<Result<std::string>> ask(io::Loop& loop, io::Address address, std::string message,
                                  io::Deadline deadline) {
  CO_TRY(auto stream, co_await io::connect(loop, address, deadline));
  CO_TRY_VOID(co_await stream.write(message, deadline));
  std::string answer(512, '\0');
  CO_TRY(const auto size, co_await stream.read(answer, deadline));
  answer.resize(size);
  co_return answer;
}

io::Task<ProbeResult> probe_store(io::Loop& loop, Protocol protocol, io::Address address,
                                  io::Deadline deadline) {
  ProbeResult result;
  result.evidence.address = address.to_string();
  const bool redis = protocol == Protocol::kRedis;
  result.evidence.request = redis ? "PING" : "StartupMessage";
  const auto answer =
      co_await ask(loop, address, redis ? "PING\r\n" : postgresql_hello(), deadline);
  if (!answer) {
    result.evidence.error = answer.error().message();
  } else if (answer->empty() || answer->starts_with("-LOADING") ||
             answer->find("57P03") != std::string::npos) {
    result.evidence.error = "it is still starting";
  } else {
    result.ready = true;
  }
  co_return result;
}

}  // namespace

io::Task<ProbeResult> probe(io::Loop& loop, Protocol protocol, io::Address address,
                            std::string path, io::Deadline deadline) {
  if (protocol != Protocol::kHttp)
    co_return co_await probe_store(loop, protocol, address, deadline);
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
