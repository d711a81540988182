#include "http/router.h"

#include "http/client.h"
#include "http/server_fixture.h"

namespace fairlead::http {
namespace {

RouteHandler say(std::string what) {
  return [what = std::move(what)](Exchange& exchange, PathParameters parameters) {
    return [](Exchange& e, PathParameters p, std::string text) -> io::Task<void> {
      for (const auto& [name, value] : p) text += " " + name + "=" + value;
      co_await e.respond(Response::text(std::move(text)));
    }(exchange, std::move(parameters), what);
  };
}

class RouterTest : public ServerTest {
 protected:
  RouterTest() {
    Router router;
    router.add(Method::kGet, "/", say("root"));
    router.add(Method::kGet, "/hello/{name}", say("hello"));
    router.add(Method::kPut, "/hello/{name}", say("put"));
    router.add(Method::kGet, "/hello/world", say("world"));
    router.add(Method::kPost, "/{a}/{b}/c", say("abc"));
    start(router.handler());
  }
  Response ask(Method method, std::string target) {
    Client client(*loop_, address_, "a");
    Request request;
    request.method = method;
    request.target = std::move(target);
    return run(client.send(std::move(request), soon())).value();
  }
};

TEST_F(RouterTest, FindsTheMostLiteralRoute) {
  EXPECT_EQ(ask(Method::kGet, "/").body, "root");
  EXPECT_EQ(ask(Method::kGet, "/?x=/hello/world").body, "root");
  EXPECT_EQ(ask(Method::kGet, "/hello/world").body, "world");
  EXPECT_EQ(ask(Method::kGet, "/hello/a%20b").body, "hello name=a b");
  EXPECT_EQ(ask(Method::kPut, "/hello/world").body, "put name=world");
  EXPECT_EQ(ask(Method::kPost, "/1/2/c").body, "abc a=1 b=2");
}

TEST_F(RouterTest, RefusesWhatItDoesNotKnow) {
  for (const auto* path : {"/hello", "/hello/", "/hello/a/b", "//", "/x", "/hello/a%2fb"})
    EXPECT_EQ(ask(Method::kGet, path).status, 404) << path;
  const Response wrong_method = ask(Method::kDelete, "/hello/you");
  EXPECT_EQ(wrong_method.status, 405);
  EXPECT_EQ(*wrong_method.fields.find("allow"), "GET, HEAD, PUT, OPTIONS");
  EXPECT_EQ(*wrong_method.fields.find("content-type"), "application/problem+json");
}

TEST_F(RouterTest, AnswersHeadAndOptionsByItself) {
  const Response head = ask(Method::kHead, "/hello/world");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(*head.fields.find("content-length"), "5");
  const Response options = ask(Method::kOptions, "/1/2/c");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(*options.fields.find("allow"), "POST, OPTIONS");
  EXPECT_EQ(*ask(Method::kOptions, "*").fields.find("allow"), "GET, HEAD, POST, PUT, OPTIONS");
}

}  // namespace
}  // namespace fairlead::http
