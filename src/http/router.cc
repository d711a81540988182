#include "http/router.h"

#include "base/strings.h"

namespace fairlead::http {

struct Router::Entry {
  Method method;
  std::vector<std::string> segments;  // "{name}" or literal
  RouteHandler handler;
};

namespace {

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// Goes through a path's segments without copying it.
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path) {}
  bool at_end() const { return at_end_; }
  std::string_view next() {
    const std::size_t slash = rest_.find('/');
    const std::string_view segment = rest_.substr(0, slash);
    at_end_ = slash == std::string_view::npos;
    if (!at_end_) rest_.remove_prefix(slash + 1);
    return segment;
  }

 private:
  std::string_view rest_;
  bool at_end_ = false;
};

bool matches(const std::vector<std::string>& pattern, std::string_view path) {
  Segments segments(path);
  for (const std::string& expected : pattern) {
    if (segments.at_end()) return false;
    const std::string_view segment = segments.next();
    if (is_parameter(expected) ? segment.empty() : expected != segment) return false;
  }
  return segments.at_end();
}

PathParameters parameters_of(const std::vector<std::string>& pattern, std::string_view path) {
  PathParameters parameters;
  Segments segments(path);
  for (const std::string& name : pattern) {
    const std::string_view segment = segments.next();
    if (is_parameter(name)) parameters.emplace_back(name.substr(1, name.size() - 2), segment);
  }
  return parameters;
}

// Whether `a` is literal at the first segment where only one of them is.
bool more_literal(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (is_parameter(a[i]) != is_parameter(b[i])) return is_parameter(b[i]);
  return false;
}

bool answers(Method route, Method asked) {
  return route == asked || (route == Method::kGet && asked == Method::kHead);
}

io::Task<void> respond(Exchange& exchange, Response response) {
  // A client that is gone needs no answer.
  static_cast<void>(co_await exchange.respond(std::move(response)));
}

constexpr unsigned bit(Method method) { return 1u << static_cast<unsigned>(method); }

// "GET, HEAD, OPTIONS"
std::string list_of(unsigned methods) {
  if (methods & bit(Method::kGet)) methods |= bit(Method::kHead);
  methods |= bit(Method::kOptions);
  std::string list;
  for (unsigned i = 0; i < static_cast<unsigned>(Method::kOther); ++i) {
    if (!(methods & 1u << i)) continue;
    if (!list.empty()) list += ", ";
    list += to_string(static_cast<Method>(i));
  }
  return list;
}

}  // namespace

Router::Router() : entries_(std::make_shared<std::vector<Entry>>()) {}

void Router::add(Method method, std::string_view pattern, RouteHandler handler) {
  Entry entry{method, {}, std::move(handler)};
  for (const auto segment : split(pattern, '/')) entry.segments.emplace_back(segment);
  entries_->push_back(std::move(entry));
}

Handler Router::handler() const {
  // Not a coroutine itself: it gives the chosen handler's task on.
  return [entries = entries_](Exchange& exchange) -> io::Task<void> {
    const Request& request = exchange.request;
    const bool whole_server = request.path == "*";
    const Entry* best = nullptr;
    unsigned methods = 0;
    for (const Entry& entry : *entries) {
      if (!whole_server && !matches(entry.segments, request.path)) continue;
      methods |= bit(entry.method);
      if (whole_server || !answers(entry.method, request.method)) continue;
      if (!best || more_literal(entry.segments, best->segments)) best = &entry;
    }
    if (best) return best->handler(exchange, parameters_of(best->segments, request.path));
    if (methods == 0) return respond(exchange, Response::problem(404, "Not Found"));
    Response response = Response::problem(405, "Method Not Allowed");
    if (request.method == Method::kOptions) {
      response = Response();
      response.status = 204;
    }
    response.fields.add("Allow", list_of(methods));
    return respond(exchange, std::move(response));
  };
}

}  // namespace fairlead::http
