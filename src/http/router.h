// Method and path to handler, for control and the services (the edge has routes of its own).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace fairlead::http {

// Parameters of a pattern: "/hello/{name}" gives {"name", …}, percent-decoded. An escaped slash
// separates segments like any other.
using PathParameters = std::vector<std::pair<std::string, std::string>>;
using RouteHandler = std::function<io::Task<void>(Exchange&, PathParameters)>;

class Router {
 public:
  Router();
  // `pattern` is a path whose segments are literal or "{name}"; literal wins over "{name}". GET
  // routes answer HEAD too.
  void add(Method method, std::string_view pattern, RouteHandler handler);
  // Unknown path: 404; known path, other method: 405 with Allow; OPTIONS: 204 with Allow. Problem
  // documents.
  Handler handler() const;

 private:
  struct Entry;
  std::shared_ptr<std::vector<Entry>> entries_;  // shared with the handlers made from it
};

}  // namespace fairlead::http
