#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "service/lambda.h"

namespace fairlead::service {

namespace {

using Json = nlohmann::json;

std::string text_at(const Json& json, const char* pointer) {
  const Json::json_pointer place(pointer);
  return json.contains(place) && json[place].is_string() ? json[place].get<std::string>()
                                                         : std::string();
}

Result<std::string> decode_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return fail(Code::kInvalid, "the event's body is no base64");
  const auto padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size - padding));
  return bytes;
}

// REST API: {"httpMethod":"GET","path":"/hello/Ada","queryStringParameters":{…}}
void read_rest(const Json& event, http::Request& request, std::string& path) {
  request.method_text = text_at(event, "/httpMethod");
  path = text_at(event, "/path");
  request.peer = text_at(event, "/requestContext/identity/sourceIp");
  const auto parameters = event.find("queryStringParameters");
  if (parameters == event.end() || !parameters->is_object()) return;
  for (const auto& [name, value] : parameters->items())
    if (value.is_string())
      request.query += (request.query.empty() ? "" : "&") + http::percent_encode(name) + "=" +
                       http::percent_encode(value.get<std::string>());
}

// HTTP API and function URLs: {"version":"2.0","rawPath":"/hello/Ada","rawQueryString":"", …}. The
// path begins with the stage's name, unless that is the default stage.
void read_http(const Json& event, http::Request& request, std::string& path) {
  request.method_text = text_at(event, "/requestContext/http/method");
  path = text_at(event, "/rawPath");
  request.query = text_at(event, "/rawQueryString");
  request.peer = text_at(event, "/requestContext/http/sourceIp");
  const auto stage = "/" + text_at(event, "/requestContext/stage");
  if (stage.size() > 1 && stage != "/$default" && path.starts_with(stage) &&
      (path.size() == stage.size() || path[stage.size()] == '/'))
    path.erase(0, stage.size());
  if (path.empty()) path = "/";
}

}  // namespace

Result<http::Request> request_of_event(const std::string& text) {
  const auto event = Json::parse(text, nullptr, false);
  if (!event.is_object()) return fail(Code::kInvalid, "the event is no JSON object");
  http::Request request;
  std::string path;
  if (text_at(event, "/version") == "2.0") {
    read_http(event, request, path);
  } else {
    read_rest(event, request, path);
  }
  if (request.method_text.empty() || !path.starts_with('/'))
    return fail(Code::kInvalid, "the event is none of a REST API, an HTTP API or a function URL");
  request.method = http::method_of(request.method_text);
  TRY(request.path, http::percent_decode(path));
  request.target = request.query.empty() ? path : path + "?" + request.query;
  if (const auto headers = event.find("headers"); headers != event.end() && headers->is_object())
    for (const auto& [name, value] : headers->items())
      if (value.is_string()) request.fields.add(name, value.get<std::string>());
  request.body = text_at(event, "/body");
  const auto encoded = event.find("isBase64Encoded");
  if (encoded != event.end() && encoded->is_boolean() && encoded->get<bool>()) {
    TRY(request.body, decode_base64(request.body));
  }
  return request;
}

std::string event_answer(const http::Response& response) {
  Json headers = Json::object();
  for (const auto& line : response.fields) headers[to_lower(line.name)] = line.value;
  const Json answer = {{"statusCode", response.status},
                       {"headers", std::move(headers)},
                       {"body", response.body},
                       {"isBase64Encoded", false}};
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace fairlead::service
