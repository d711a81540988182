#include "service/lambda.h"

#include <fmt/format.h>

#include "http/named_client.h"
#include "io/sync.h"

namespace fairlead::service {

namespace {

constexpr const char* kApi = "/2018-06-01/runtime";
constexpr Duration kReportTimeout = 10s;

// An exchange without a connection: the body is there, and the answer is collected.
class EventExchange final : public http::Exchange {
 public:
  explicit EventExchange(http::Request asked) { request = std::move(asked); }

  io::Task<Result<std::string>> read_some() override { co_return std::exchange(request.body, {}); }
  io::Task<Result<std::string>> read_body() override { co_return std::exchange(request.body, {}); }
  const http::Fields& trailers() const override { return trailers_; }
  io::Task<Result<>> respond(http::Response response) override {
    answer_ = std::move(response);
    responded_ = true;
    co_return Result<>{};
  }
  io::Task<Result<>> start(http::Response head) override { return respond(std::move(head)); }
  io::Task<Result<>> write(std::string_view bytes) override {
    answer_.body += bytes;
    co_return Result<>{};
  }
  io::Task<Result<>> finish(http::Fields) override { co_return Result<>{}; }
  bool responded() const override { return responded_; }
  std::uint16_t status() const override { return responded_ ? answer_.status : 0; }
  io::Stop& cut_off() override { return never_; }

  http::Response take() {
    if (!responded_) return http::Response::problem(500, "Internal Server Error");
    return std::move(answer_);
  }

 private:
  http::Fields trailers_;
  http::Response answer_;
  bool responded_ = false;
  io::Stop never_;
};

http::Request get(std::string path) {
  http::Request request;
  request.target = kApi + std::move(path);
  return request;
}

http::Request post(std::string path, std::string body) {
  auto request = get(std::move(path));
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.fields.add("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

std::string error_json(const Error& error) {
  std::string members;
  telemetry::append_json_member(members, {"errorType", to_string(error.code())});
  telemetry::append_json_member(members, {"errorMessage", error.message()});
  return fmt::format("{{{}}}", members.substr(1));
}

io::Task<Result<>> report(http::NamedClient& api, std::string path, std::string body) {
  CO_TRY(const auto taken, co_await api.send(post(std::move(path), std::move(body)),
                                             io::Deadline::in(kReportTimeout)));
  if (taken.status >= 300)
    co_return fail(Code::kProtocol, fmt::format("the runtime API answered {}", taken.status));
  co_return Result<>{};
}

io::Task<Result<>> answer_one(http::NamedClient& api, const http::Handler& route) {
  CO_TRY(const auto next, co_await api.send(get("/invocation/next"), io::Deadline::never()));
  const auto* id = next.fields.find("lambda-runtime-aws-request-id");
  if (next.status != 200 || !id)
    co_return fail(Code::kProtocol, fmt::format("the runtime API answered {}", next.status));
  auto request = request_of_event(next.body);
  if (!request)
    co_return co_await report(api, fmt::format("/invocation/{}/error", *id),
                              error_json(request.error()));
  EventExchange exchange(*std::move(request));
  co_await route(exchange);
  co_return co_await report(api, fmt::format("/invocation/{}/response", *id),
                            event_answer(exchange.take()));
}

io::Task<Result<>> answer_all(http::NamedClient& api, const http::Handler& route) {
  for (;;) CO_TRY_VOID(co_await answer_one(api, route));
}

}  // namespace

Result<> serve_lambda(const Definition& definition, const Environment& environment,
                      const std::string& api) {
  TRY(const auto loop, io::Loop::create());
  TRY(auto url, http::parse_url("AWS_LAMBDA_RUNTIME_API", "http://" + api));
  // Lambda's limit for an event is 6 MiB, and a mebibyte for function URLs' heads.
  TRY(const auto client, http::NamedClient::create(*loop, std::move(url), 8 << 20));
  telemetry::Log log(1, telemetry::Level::kInfo, {{"service", definition.name}});
  TRY(const auto trusted, TrustedProxies::parse("none"));
  http::Router router;
  Context context{*loop, environment, log, trusted, router};
  auto app = definition.make(context);
  if (!app) {
    (void)io::block_on(*loop, report(*client, "/init/error", error_json(app.error())));
    return fail(std::move(app).error());
  }
  auto ended = io::block_on(*loop, answer_all(*client, router.handler()));
  io::block_on(*loop, (*app)->close());
  return ended;
}

}  // namespace fairlead::service
