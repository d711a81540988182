#include "cli/edge_client.h"

#include <nlohmann/json.hpp>

#include "cli/state.h"
#include "http/client.h"
#include "io/stream.h"
#include "io/task.h"

namespace fairlead::cli {

Result<std::string> ask_edge(const std::string& state, const std::string& app, http::Method method,
                             std::string target) {
  TRY(const StateFolders folders, find_state(state, app));
  TRY(const io::Address address,
      io::Address::unix_path((folders.runtime / "edge" / "edge.sock").native()));
  TRY(const auto loop, io::Loop::create());
  http::Client client(*loop, address, "edge");
  http::Request request;
  request.method = method;
  request.method_text = http::to_string(method);
  request.target = std::move(target);
  auto response = io::block_on(*loop, client.send(std::move(request), io::Deadline::in(10s)));
  if (!response) {
    return fail(std::move(response).error().in("cannot ask the edge").hint("fairlead status"));
  }
  const auto answer = nlohmann::json::parse(response->body, nullptr, false);
  if (answer.is_discarded()) return fail(Code::kProtocol, "the edge's answer is not JSON");
  if (response->status != 200) {
    const auto detail = answer.find("detail");
    return fail(Code::kInvalid, detail != answer.end() && detail->is_string()
                                    ? detail->get<std::string>()
                                    : "the edge refused the request");
  }
  return std::move(response->body);
}

}  // namespace fairlead::cli
