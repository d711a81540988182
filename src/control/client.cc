#include "control/client.h"

#include <fmt/format.h>

namespace fairlead::control {

namespace {

io::Address address_of(const std::string& socket) {
  return io::Address::unix_path(socket).value_or(io::Address());
}

// Nobody there is the common case, and no fault of anybody.
Error explain(Error error, const std::string& socket) {
  if (error.code() == Code::kNotFound || error.code() == Code::kUnavailable)
    return Error(Code::kUnavailable, fmt::format("no Fairlead answers on {}", socket))
        .hint("start one with 'fairlead up'");
  return std::move(error).in("asking control");
}

}  // namespace

ControlClient::ControlClient(io::Loop& loop, std::string socket)
    : socket_(std::move(socket)), client_(loop, address_of(socket_), "fairlead") {}

io::Task<Result<http::Response>> ControlClient::ask(http::Request request, io::Deadline deadline) {
  auto response = co_await client_.send(std::move(request), deadline);
  if (!response) co_return fail(explain(std::move(response).error(), socket_));
  if (response->status / 100 != 2)
    co_return fail(Code::kProtocol,
                   fmt::format("control answered {}: {}", response->status, response->body));
  co_return std::move(*response);
}

io::Task<Result<std::string>> ControlClient::status_json(io::Deadline deadline) {
  http::Request request;
  request.target = "/v1/status";
  CO_TRY(auto response, co_await ask(std::move(request), deadline));
  co_return std::move(response.body);
}

io::Task<Result<>> ControlClient::stop(io::Deadline deadline) {
  http::Request request;
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.target = "/v1/stop";
  CO_TRY_VOID(co_await ask(std::move(request), deadline));
  co_return Result<>();
}

io::Task<Result<std::string>> ControlClient::get(std::string target, io::Deadline deadline) {
  http::Request request;
  request.target = std::move(target);
  CO_TRY(auto response, co_await ask(std::move(request), deadline));
  co_return std::move(response.body);
}

io::Task<Result<>> ControlClient::order(std::string method, std::string target, std::string json,
                                        io::Deadline deadline) {
  http::Request request;
  request.method = method == "DELETE" ? http::Method::kDelete : http::Method::kPost;
  request.method_text = std::move(method);
  request.target = std::move(target);
  if (request.method == http::Method::kPost) {
    request.fields.set("Content-Type", "application/json");
    request.body = std::move(json);
  }
  CO_TRY_VOID(co_await ask(std::move(request), deadline));
  co_return Result<>();
}

io::Task<Result<>> ControlClient::put(std::string target, std::string json, io::Deadline deadline) {
  http::Request request;
  request.method = http::Method::kPut;
  request.method_text = "PUT";
  request.target = std::move(target);
  request.fields.set("Content-Type", "application/json");
  request.body = std::move(json);
  CO_TRY_VOID(co_await ask(std::move(request), deadline));
  co_return Result<>();
}

io::Task<Result<>> ControlClient::post_stream(std::string target, std::string json,
                                              std::function<void(std::string_view)> on_line,
                                              io::Deadline deadline) {
  http::Request request;
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.target = std::move(target);
  request.fields.set("Content-Type", "application/json");
  request.body = std::move(json);
  return read_lines(
      std::move(request),
      [on_line = std::move(on_line)](std::string_view line) -> Result<bool> {
        on_line(line);
        return true;
      },
      deadline);
}

io::Task<Result<>> ControlClient::logs(LogQuery query, std::function<bool(const LogLine&)> on_line,
                                       io::Deadline deadline) {
  http::Request request;
  request.target = "/v1/logs?" + query_string(query);
  return read_lines(
      std::move(request),
      [on_line = std::move(on_line)](std::string_view text) -> Result<bool> {
        TRY(const auto line, log_line_from_json(text));
        return on_line(line);
      },
      deadline);
}

io::Task<Result<>> ControlClient::read_lines(
    http::Request request, std::function<Result<bool>(std::string_view line)> on_line,
    io::Deadline deadline) {
  auto streamed = co_await client_.open(std::move(request), deadline);
  if (!streamed) co_return fail(explain(std::move(streamed).error(), socket_));
  std::string rest;
  for (;;) {
    CO_TRY(const auto piece, co_await streamed->body->read_some(deadline));
    rest += piece;
    if (streamed->head.status / 100 != 2) {
      if (!piece.empty()) continue;
      co_return fail(Code::kProtocol,
                     fmt::format("control answered {}: {}", streamed->head.status, rest));
    }
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto text = std::string_view(rest).substr(begin, end - begin);
      if (text.empty()) continue;  // it only says that control is there
      CO_TRY(const bool more, on_line(text));
      if (!more) co_return Result<>();
    }
    rest.erase(0, begin);
    if (piece.empty()) co_return Result<>();
  }
}

}  // namespace fairlead::control
