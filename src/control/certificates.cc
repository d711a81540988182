#include "control/certificates.h"

#include "control/api_json.h"
#include "control/routes.h"

namespace fairlead::control {

namespace {

json write(const CertificateStatus& status) {
  return {{"host", status.host},
          {"source", status.source},
          {"file", status.file},
          {"issuer", status.issuer},
          {"from", write_time(status.from)},
          {"until", write_time(status.until)},
          {"renewal", write_time(status.renewal)},
          {"error", status.error}};
}

CertificateStatus read_status(const json& object) {
  CertificateStatus status;
  read(object, "host", status.host);
  read(object, "source", status.source);
  read(object, "file", status.file);
  read(object, "issuer", status.issuer);
  read_time(object, "from", status.from);
  read_time(object, "until", status.until);
  read_time(object, "renewal", status.renewal);
  read(object, "error", status.error);
  return status;
}

io::Task<void> answer(http::Exchange& exchange, http::Response response) {
  [[maybe_unused]] const auto sent = co_await exchange.respond(std::move(response));
}

io::Task<void> renew(http::Exchange& exchange, const CertificateHandlers& handlers,
                     std::string host) {
  if (!may_ask(exchange.request)) co_return co_await refuse(exchange);
  const auto done = co_await handlers.renew(std::move(host));
  co_await answer(exchange,
                  done ? http::Response::json("{}\n")
                       : http::Response::problem(done.error().code() == Code::kNotFound ? 404 : 502,
                                                 "No new certificate", done.error().message()));
}

io::Task<void> list(http::Exchange& exchange, const CertificateHandlers& handlers) {
  if (!may_ask(exchange.request)) co_return co_await refuse(exchange);
  co_await answer(exchange, http::Response::json(to_json(handlers.list())));
}

}  // namespace

std::string to_json(const std::vector<CertificateStatus>& certificates) {
  json all = json::array();
  for (const auto& status : certificates) all.push_back(write(status));
  return dump({{"certificates", std::move(all)}}) + "\n";
}

Result<std::vector<CertificateStatus>> certificates_from_json(std::string_view text) {
  return parse<std::vector<CertificateStatus>>("the list of certificates", text,
                                               [](const json& object, auto& all) {
                                                 for (const auto& each : object.at("certificates"))
                                                   all.push_back(read_status(each));
                                               });
}

void add_certificate_routes(http::Router& router, CertificateHandlers handlers) {
  using http::Method;
  auto shared = std::make_shared<CertificateHandlers>(std::move(handlers));
  router.add(
      Method::kGet, "/v1/certificates",
      [shared](http::Exchange& exchange, http::PathParameters) { return list(exchange, *shared); });
  router.add(Method::kPut, "/v1/certificates/{host}/renew",
             [shared](http::Exchange& exchange, http::PathParameters parameters) {
               return renew(exchange, *shared, std::move(parameters[0].second));
             });
}

}  // namespace fairlead::control
