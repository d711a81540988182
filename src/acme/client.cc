#include "acme/client.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "io/sync.h"

namespace fairlead::acme {

using Json = nlohmann::json;

namespace {

// A server may refuse a nonce at any time (RFC 8555 §6.5).
constexpr int kNonceTries = 8;
constexpr Duration kFirstPoll = 250ms;
constexpr Duration kLongestPoll = 5s;

std::string text_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// "https://host:port" and the rest.
std::pair<std::string, std::string> split_url(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  return {url.substr(0, path), path == std::string::npos ? "/" : url.substr(path)};
}

}  // namespace

struct Client::Answer {
  std::uint16_t status = 0;
  std::string location;
  Json json;  // null if the body is something else
  std::string body;

  // The server's own words (RFC 7807, RFC 8555 §6.7).
  std::string problem() const {
    if (!json.is_object()) return fmt::format("it answered {}", status);
    std::string said = text_of(json, "detail");
    for (const Json& part : json.value("subproblems", Json::array()))
      said += "; " + text_of(part, "detail");
    return fmt::format("{} ({})", said, text_of(json, "type"));
  }
};

Client::Client(io::Loop& loop, const Key& account, std::string ca_file)
    : loop_(loop), account_(account), ca_file_(std::move(ca_file)) {}
Client::~Client() = default;

io::Task<Result<Client::Answer>> Client::send(http::Request request, std::string url,
                                              io::Deadline deadline) {
  auto [server, target] = split_url(url);
  auto& client = servers_[server];
  if (!client) {
    CO_TRY(auto parsed, http::parse_url("the ACME server's URL", server));
    CO_TRY(client, http::NamedClient::create(loop_, std::move(parsed), 1 << 20, ca_file_));
  }
  request.target = std::move(target);
  request.fields.set("User-Agent", "fairlead");
  auto response = co_await client->send(std::move(request), deadline);
  if (!response) co_return fail(std::move(response).error().in("ACME server " + server));
  if (const auto* nonce = response->fields.find("Replay-Nonce")) nonce_ = *nonce;
  Answer answer{.status = response->status, .body = std::move(response->body)};
  if (const auto* location = response->fields.find("Location")) answer.location = *location;
  answer.json = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (answer.json.is_discarded()) answer.json = nullptr;
  co_return answer;
}

// RFC 8555 §6.2: every request is signed; before there is an account, by the key itself.
Result<std::string> Client::signed_body(const std::string& url, const std::string& payload) const {
  TRY(const std::string jwk, account_.jwk());
  Json header = {{"alg", "ES256"}, {"nonce", nonce_}, {"url", url}};
  if (account_url_.empty()) {
    header["jwk"] = Json::parse(jwk);
  } else {
    header["kid"] = account_url_;
  }
  const std::string head = base64url(header.dump());
  const std::string body = base64url(payload);
  TRY(const std::string signature, account_.sign(head + "." + body));
  return Json({{"protected", head}, {"payload", body}, {"signature", base64url(signature)}}).dump();
}

// An empty payload is a "POST-as-GET" (RFC 8555 §6.3).
io::Task<Result<Client::Answer>> Client::post(std::string url, std::string payload,
                                              io::Deadline deadline) {
  for (int tries = 0;; ++tries) {
    if (nonce_.empty()) {
      http::Request ask;
      ask.method = http::Method::kHead;
      ask.method_text = "HEAD";
      CO_TRY_VOID(co_await send(std::move(ask), new_nonce_, deadline));
    }
    http::Request request;
    request.method = http::Method::kPost;
    request.method_text = "POST";
    request.fields.set("Content-Type", "application/jose+json");
    CO_TRY(request.body, signed_body(url, payload));
    nonce_.clear();
    CO_TRY(Answer answer, co_await send(std::move(request), url, deadline));
    if (answer.status < 400) co_return answer;
    const bool bad_nonce = answer.json.is_object() &&
                           text_of(answer.json, "type") == "urn:ietf:params:acme:error:badNonce";
    if (!bad_nonce || tries == kNonceTries)
      co_return fail(
          answer.status == 429 || answer.status >= 500 ? Code::kUnavailable : Code::kDenied,
          "the ACME server refuses: " + answer.problem());
  }
}

io::Task<Result<>> Client::register_account(const Order& order, io::Deadline deadline) {
  CO_TRY(const Answer directory, co_await send({}, order.directory, deadline));
  if (directory.status != 200 || !directory.json.is_object())
    co_return fail(Code::kProtocol, order.directory + " is no ACME directory");
  new_nonce_ = text_of(directory.json, "newNonce");
  new_account_ = text_of(directory.json, "newAccount");
  new_order_ = text_of(directory.json, "newOrder");
  if (new_nonce_.empty() || new_account_.empty() || new_order_.empty())
    co_return fail(Code::kProtocol, order.directory + " is no ACME directory");
  Json account = {{"termsOfServiceAgreed", true}};
  if (!order.email.empty()) account["contact"] = {"mailto:" + order.email};
  account_url_.clear();
  CO_TRY(const Answer answer, co_await post(new_account_, account.dump(), deadline));
  account_url_ = answer.location;
  if (account_url_.empty()) co_return fail(Code::kProtocol, "the ACME server names no account");
  co_return Result<>();
}

// Until it is neither pending nor processing any more.
io::Task<Result<Client::Answer>> Client::poll(std::string url, io::Deadline deadline) {
  Duration pause = kFirstPoll;
  for (;;) {
    CO_TRY(Answer answer, co_await post(url, "", deadline));
    const std::string status = text_of(answer.json, "status");
    if (status != "pending" && status != "processing") co_return answer;
    CO_TRY_VOID(co_await io::sleep(loop_, pause, deadline));
    pause = std::min(pause * 2, kLongestPoll);
  }
}

io::Task<Result<>> Client::authorize(std::string url, const Order& order, Publish& publish,
                                     io::Deadline deadline) {
  CO_TRY(const Answer authorization, co_await post(url, "", deadline));
  if (text_of(authorization.json, "status") == "valid") co_return Result<>();
  const std::string_view type = order.challenge == ChallengeType::kHttp ? "http-01" : "tls-alpn-01";
  for (const Json& challenge : authorization.json.value("challenges", Json::array())) {
    if (text_of(challenge, "type") != type) continue;
    CO_TRY(const std::string thumbprint, account_.thumbprint());
    const std::string token = text_of(challenge, "token");
    CO_TRY_VOID(co_await publish(
        {.host = order.host, .token = token, .key_authorization = token + "." + thumbprint}));
    const auto done =
        co_await answer_challenge(text_of(challenge, "url"), std::move(url), deadline);
    static_cast<void>(co_await publish({}));
    co_return done;
  }
  co_return fail(Code::kInvalid,
                 fmt::format("the ACME server offers no {} for {}", type, order.host));
}

io::Task<Result<>> Client::answer_challenge(std::string challenge_url, std::string authorization,
                                            io::Deadline deadline) {
  CO_TRY_VOID(co_await post(std::move(challenge_url), "{}", deadline));
  CO_TRY(const Answer answer, co_await poll(std::move(authorization), deadline));
  if (text_of(answer.json, "status") == "valid") co_return Result<>();
  std::string why;
  for (const Json& challenge : answer.json.value("challenges", Json::array()))
    if (challenge.contains("error")) why = text_of(challenge["error"], "detail");
  co_return fail(Code::kDenied, "the ACME server did not find the proof: " + why);
}

io::Task<Result<std::string>> Client::order(Order order, std::string request, Publish publish,
                                            io::Deadline deadline) {
  CO_TRY_VOID(co_await register_account(order, deadline));
  const Json wanted = {{"identifiers", {{{"type", "dns"}, {"value", order.host}}}}};
  CO_TRY(Answer made, co_await post(new_order_, wanted.dump(), deadline));
  const std::string order_url = made.location;
  for (const Json& url : made.json.value("authorizations", Json::array())) {
    if (!url.is_string()) co_return fail(Code::kProtocol, "an order without authorizations");
    CO_TRY_VOID(co_await authorize(url.get<std::string>(), order, publish, deadline));
  }
  const Json csr = {{"csr", base64url(request)}};
  CO_TRY_VOID(co_await post(text_of(made.json, "finalize"), csr.dump(), deadline));
  CO_TRY(const Answer done, co_await poll(order_url, deadline));
  if (text_of(done.json, "status") != "valid")
    co_return fail(Code::kDenied, "the ACME server did not issue: " + done.problem());
  CO_TRY(Answer certificate, co_await post(text_of(done.json, "certificate"), "", deadline));
  co_return std::move(certificate.body);
}

}  // namespace fairlead::acme
