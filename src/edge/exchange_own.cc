// Requests that are the edge's own business, whatever the routes say.
#include "base/strings.h"
#include "edge/exchange_problem.h"
#include "edge/worker.h"

namespace fairlead::edge {

namespace {

constexpr std::string_view kAcmePath = "/.well-known/acme-challenge/";
constexpr std::string_view kPurgePath = "/.fairlead/purge/";

// RFC 8555 §8.3. Null for tokens that nobody has announced: then an origin may know them.
const control::AcmeAnswer* acme_answer(const control::Snapshot& snapshot, std::string_view path) {
  if (snapshot.acme_answers.empty() || !path.starts_with(kAcmePath)) return nullptr;
  path.remove_prefix(kAcmePath.size());
  const auto found = std::ranges::find(snapshot.acme_answers, path, &control::AcmeAnswer::token);
  return found == snapshot.acme_answers.end() ? nullptr : &*found;
}

// Compares in a time that tells nothing of the token.
bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

}  // namespace

bool Exchange::own_business(const http::RequestHead& head, const ClientFacts& facts) {
  if (worker_.guard().keeps_out(client_address_)) {
    write_request_words(text_, head, facts, worker_.next_request_id());
    answer({403, "this address is banned for now"});
    return true;
  }
  if (const auto* proof = acme_answer(worker_.plan().snapshot(), head.path)) {
    write_request_words(text_, head, facts, worker_.next_request_id());
    answer_with(200, "application/octet-stream", {}, proof->text);
    return true;
  }
  return head.method == http::Method::kOther && head.method_text == "PURGE" && purge(head, facts);
}

// What the application says has changed: by tags (Surrogate-Key, separated by spaces) or else by
// path, on the host that the request names. Only what its own environment has cached.
bool Exchange::purge(const http::RequestHead& head, const ClientFacts& facts) {
  if (!head.path.starts_with(kPurgePath)) return false;
  std::string_view rest = head.path.substr(kPurgePath.size());
  const std::string_view given = rest.substr(0, rest.find('/'));
  rest.remove_prefix(given.size());
  const control::PurgeToken* token = nullptr;
  for (const control::PurgeToken& each : worker_.plan().snapshot().purge_tokens) {
    if (same(each.token, given)) token = &each;
  }
  http::RequestHead told = head;  // the token is not for the log
  told.path = kPurgePath.substr(0, kPurgePath.size() - 1);
  write_request_words(text_, told, facts, worker_.next_request_id());
  if (!token) {
    answer({403, "that is not the token of an environment"});
    return true;
  }
  std::size_t purged = 0;
  if (worker_.has_cache()) {
    CacheStore& store = worker_.cache();
    const http::Field* tags = head.find("surrogate-key");
    const Instant time = worker_.loop().now();
    const std::uint16_t environment = store.environment_id(token->environment);
    if (tags) {
      for (const std::string_view tag : split(tags->value, ' ')) {
        if (!tag.empty()) purged += store.purge_tag(tag, PurgeMode::kRemove, time, environment);
      }
    } else {
      std::string url(rest.empty() ? "/" : rest);
      if (!head.query.empty()) url.append("?").append(head.query);
      for (const std::string_view scheme : {"http", "https"}) {
        CacheKey key;
        key.set(scheme, normalized_host(head.host, worker_.scratch(0)), head.port, url);
        purged += store.purge_key(key, PurgeMode::kRemove, time, environment);
      }
    }
  }
  answer_with(200, "application/json", {}, fmt::format("{{\"purged\":{}}}\n", purged));
  return true;
}

}  // namespace fairlead::edge
