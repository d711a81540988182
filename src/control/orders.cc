#include "control/orders.h"

#include <fmt/format.h>
#include <pwd.h>

#include <array>
#include <deque>

#include "control/api_json.h"
#include "control/routes.h"

namespace fairlead::control {

namespace {

constexpr std::array<std::string_view, 11> kKinds = {"deploy",   "rollback",    "scale", "restart",
                                                     "stop",     "maintenance", "pause", "resume",
                                                     "clean-up", "rotate-key",  "plan"};

// Events on their way from an order to its client. Both hold it; either may go first.
struct Queue {
  explicit Queue(io::Loop& loop) : arrived(loop) {}
  std::deque<std::string> events;
  io::Event arrived;
  bool done = false;
};

struct Context {
  io::Loop& loop;
  io::Gate& gate;
  OrderHandlers handlers;
};
using Shared = std::shared_ptr<const Context>;

std::string name_of(std::uint32_t uid) {
  const passwd* user = ::getpwuid(uid);
  return user ? user->pw_name : std::to_string(uid);
}

EnvironmentName environment_of(const http::Request& request) {
  return {request.parameter("app").value_or(""),
          request.parameter("environment").value_or("production")};
}

io::Task<void> carry_out(Shared context, Order order, std::shared_ptr<Queue> queue) {
  co_await context->handlers.carry_out(std::move(order), [queue](std::string event) {
    queue->events.push_back(std::move(event));
    queue->arrived.set();
  });
  queue->done = true;
  queue->arrived.set();
}

io::Task<void> answer_order(Shared context, http::Exchange& exchange) {
  const auto body = co_await exchange.read_body();
  if (!body) co_return;
  auto order = order_from_json(*body);
  if (!order) {
    static_cast<void>(co_await exchange.respond(
        http::Response::problem(400, "Bad order", order.error().message())));
    co_return;
  }
  order->by = name_of(*exchange.request.peer_uid);
  const auto queue = std::make_shared<Queue>(context->loop);
  if (!context->gate.spawn(carry_out(context, std::move(*order), queue))) {
    static_cast<void>(co_await exchange.respond(http::Response::problem(503, "Control is ending")));
    co_return;
  }
  http::Response head;
  head.fields.set("Content-Type", "application/x-ndjson");
  if (!co_await exchange.start(std::move(head))) co_return;
  while (!queue->done || !queue->events.empty()) {
    std::string text;
    for (; !queue->events.empty(); queue->events.pop_front())
      text.append(queue->events.front()).push_back('\n');
    if (text.empty()) {
      queue->arrived.reset();
      const auto came =
          co_await queue->arrived.wait(io::Deadline::in(5s).or_when(exchange.cut_off()));
      if (!came && came.error().code() == Code::kCancelled) co_return;
      if (!came) text = "\n";  // that the client has gone is noticed by writing
    }
    if (!text.empty() && !co_await exchange.write(text)) co_return;
  }
  static_cast<void>(co_await exchange.finish());
}

io::Task<void> answer_read(Shared context, http::Exchange& exchange, std::string kind) {
  auto text = co_await context->handlers.read(kind, environment_of(exchange.request));
  if (text)
    static_cast<void>(co_await exchange.respond(http::Response::json(*text + "\n")));
  else
    static_cast<void>(co_await exchange.respond(
        http::Response::problem(text.error().code() == Code::kNotFound ? 404 : 500,
                                text.error().message(), text.error().hint())));
}

io::Task<void> answer_secrets(Shared context, http::Exchange& exchange) {
  const auto body = co_await exchange.read_body();
  if (!body) co_return;
  using Values = std::map<std::string, std::optional<std::string>>;
  auto values = parse<Values>("secrets", *body, [](const json& object, Values& into) {
    for (const auto& [name, value] : object.items())
      into[name] = value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
  });
  Result<> done = fail(Code::kInvalid, "");
  if (values)
    done = context->handlers.set_secrets(environment_of(exchange.request), std::move(*values),
                                         name_of(*exchange.request.peer_uid));
  else
    done = fail(std::move(values).error());
  static_cast<void>(co_await exchange.respond(
      done ? http::Response::json("{}\n")
           : http::Response::problem(400, "Refused", done.error().message())));
}

}  // namespace

void add_order_routes(http::Router& router, io::Loop& loop, io::Gate& gate,
                      OrderHandlers handlers) {
  const auto context = std::make_shared<const Context>(Context{loop, gate, std::move(handlers)});
  router.add(
      http::Method::kPost, "/v1/orders", [context](http::Exchange& exchange, http::PathParameters) {
        return may_ask(exchange.request) ? answer_order(context, exchange) : refuse(exchange);
      });
  router.add(
      http::Method::kPut, "/v1/secrets", [context](http::Exchange& exchange, http::PathParameters) {
        return may_ask(exchange.request) ? answer_secrets(context, exchange) : refuse(exchange);
      });
  for (const std::string kind :
       {"releases", "deployments", "builds", "artifacts", "audit", "secrets", "doctor", "exec"})
    router.add(http::Method::kGet, "/v1/" + kind,
               [context, kind](http::Exchange& exchange, http::PathParameters) {
                 return may_ask(exchange.request) ? answer_read(context, exchange, kind)
                                                  : refuse(exchange);
               });
}

std::string_view to_string(OrderKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::string event_log(std::string_view text) { return dump({{"event", "log"}, {"text", text}}); }
std::string event_step(const Step& step) {
  return fmt::format(R"({{"event":"step","step":{}}})", to_json(step));
}
std::string event_deployment(const Deployment& deployment) {
  return fmt::format(R"({{"event":"deployment","deployment":{}}})", to_json(deployment));
}
std::string event_done(std::string_view text, std::size_t changes) {
  return dump({{"event", "done"}, {"done", text}, {"changes", changes}});
}
std::string event_error(const Error& error) {
  return dump({{"event", "error"},
               {"code", fairlead::to_string(error.code())},
               {"message", error.message()},
               {"hint", error.hint()}});
}

std::string to_json(const Order& order) {
  return dump({{"kind", kKinds[static_cast<std::size_t>(order.kind)]},
               {"app", order.environment.app},
               {"environment", order.environment.environment},
               {"folder", order.folder},
               {"artifact", order.artifact},
               {"release", order.release},
               {"replicas", order.replicas},
               {"blue_green", order.blue_green},
               {"canary", order.canary},
               {"down", order.down},
               {"on", order.on},
               {"spare", order.spare},
               {"watch_ns", ns(order.watch)}});
}

Result<Order> order_from_json(std::string_view text) {
  TRY(Order order, parse<Order>("an order", text, [](const json& object, Order& into) {
        const auto kind = object.at("kind").get<std::string>();
        const auto found = std::find(kKinds.begin(), kKinds.end(), kind);
        into.kind = static_cast<OrderKind>(found - kKinds.begin());
        read(object, "app", into.environment.app);
        read(object, "environment", into.environment.environment);
        read(object, "folder", into.folder);
        read(object, "artifact", into.artifact);
        read(object, "release", into.release);
        read(object, "replicas", into.replicas);
        read(object, "blue_green", into.blue_green);
        read(object, "canary", into.canary);
        read(object, "down", into.down);
        read(object, "on", into.on);
        read(object, "spare", into.spare);
        read_duration(object, "watch_ns", into.watch);
      }));
  if (static_cast<std::size_t>(order.kind) >= kKinds.size())
    return fail(Code::kInvalid, "an order of a kind that this Fairlead does not know");
  return order;
}

std::vector<std::string> split_array(std::string_view text) {
  std::vector<std::string> elements;
  const json array = json::parse(text, nullptr, false);
  if (array.is_array())
    for (const auto& element : array) elements.push_back(element.dump());
  return elements;
}

std::string secrets_to_json(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& values) {
  json object = json::object();
  for (const auto& [name, value] : values) object[name] = value ? json(*value) : json(nullptr);
  return object.dump();
}

std::string to_json(const SecretNote& secret) {
  return dump({{"name", secret.name}, {"version", secret.version}, {"set_at", secret.set_at}});
}

Result<SecretNote> secret_from_json(std::string_view text) {
  return parse<SecretNote>("a secret", text, [](const json& object, SecretNote& secret) {
    read(object, "name", secret.name);
    read(object, "version", secret.version);
    read(object, "set_at", secret.set_at);
  });
}

std::string to_json(const ArtifactNote& artifact) {
  return dump({{"digest", artifact.digest},
               {"app", artifact.app},
               {"bytes", artifact.bytes},
               {"needed_by", artifact.needed_by}});
}

Result<ArtifactNote> artifact_from_json(std::string_view text) {
  return parse<ArtifactNote>("an artifact", text, [](const json& object, ArtifactNote& artifact) {
    read(object, "digest", artifact.digest);
    read(object, "app", artifact.app);
    read(object, "bytes", artifact.bytes);
    read(object, "needed_by", artifact.needed_by);
  });
}

std::string to_json(const Surround& surround) {
  return dump({{"folder", surround.folder}, {"environment", surround.environment}});
}

Result<Surround> surround_from_json(std::string_view text) {
  return parse<Surround>("an environment", text, [](const json& object, Surround& surround) {
    read(object, "folder", surround.folder);
    read(object, "environment", surround.environment);
  });
}

Result<Event> event_from_json(std::string_view text) {
  return parse<Event>("an event", text, [](const json& object, Event& event) {
    read(object, "text", event.log);
    read(object, "done", event.done);
    read(object, "changes", event.changes);
    if (object.contains("step")) {
      if (auto step = step_from_json(object["step"].dump())) event.step = std::move(*step);
    } else if (object.contains("deployment")) {
      if (auto deployment = deployment_from_json(object["deployment"].dump()))
        event.deployment = std::move(*deployment);
    } else if (object.contains("message")) {
      Error error(Code::kUnavailable, object["message"].get<std::string>());
      event.error = std::move(error).hint(object.value("hint", ""));
    }
  });
}

}  // namespace fairlead::control
