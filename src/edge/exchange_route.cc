// What a route asks of an exchange beside passing it on: RoutePolicy carried out.
#include <unistd.h>

#include "base/strings.h"
#include "edge/exchange.h"
#include "edge/exchange_problem.h"
#include "edge/static_files.h"
#include "edge/worker.h"
#include "http/h1_writer.h"

namespace fairlead::edge {

using http::FieldId;
using http::Method;

namespace {

// The value of a cookie, "" if there is none (RFC 6265 §5.4).
std::string_view cookie(const http::RequestHead& head, std::string_view name) {
  for (const http::Field& field : head.fields) {
    if (field.id != FieldId::kCookie) continue;
    for (std::string_view pair : split(field.value, ';')) {
      pair = trim(pair);
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
        return pair.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace

void Exchange::use_filter(RoutePolicyPtr policy, const Asker& asker) {
  if (!filter_) filter_ = std::make_unique<ResponseFilter>();
  filter_->begin(*client_, std::move(policy), asker);
  client_ = filter_.get();
}

// What the pool's balancing looks at in a request.
void Exchange::read_wish(const http::RequestHead& head, const ClientFacts& facts) {
  const control::Pool& rules = pool_->rules;
  if (rules.balance == control::Balance::kHash) {
    const std::string_view by = rules.hash_by;
    const http::Field* field = by.starts_with("header:") ? head.find(by.substr(7)) : nullptr;
    const std::string_view text = by.starts_with("cookie:") ? cookie(head, by.substr(7))
                                  : field                   ? field->value
                                                            : std::string_view();
    wish_.key = stable_hash(text.empty() ? client_address_ : text);
  }
  if (rules.sticky_cookie.empty()) return;
  wish_.sticky = parse_unsigned(cookie(head, rules.sticky_cookie), 16).value_or(0);
  if (client_ != filter_.get())
    use_filter(nullptr, {.head = head, .address = {}, .tls = came_by_tls(head, facts)});
}

// The client has come to another origin than its cookie says, or has none.
void Exchange::keep_client_here() {
  if (pool_->rules.sticky_cookie.empty() || client_ != filter_.get()) return;
  filter_->add_line(fmt::format("Set-Cookie: {}={:x}; Path=/; HttpOnly; SameSite=Lax{}\r\n",
                                pool_->rules.sticky_cookie, origin_pool_->target().id_hash,
                                filter_->tls() ? "; Secure" : ""));
}

bool Exchange::answered_by_policy(const RoutePolicyPtr& policy, const http::RequestHead& head,
                                  const ClientFacts& facts) {
  const Asker asker{.head = head, .address = client_address_, .tls = came_by_tls(head, facts)};
  if (policy->changes_responses()) use_filter(policy, asker);
  if (const auto own = policy->answer(asker)) {
    write_request_words(text_, head, facts, worker_.next_request_id());
    answer({own->status, own->detail, own->fields});
    return true;
  }
  if (policy->has_files()) {
    write_request_words(text_, head, facts, worker_.next_request_id());
    serve_file(*policy, head);
    return true;
  }
  if (policy->rewrites()) rewrite(*policy, head);
  return false;
}

void Exchange::rewrite(const RoutePolicy& policy, const http::RequestHead& head) {
  if (!head.path.starts_with('/')) return;  // OPTIONS *
  asked_path_ = head.path;
  target_ = policy.rewritten(head, normalized_path(head.path, worker_.scratch(1)));
}

// A copy of a request for a pool whose answers nobody sees.
void Exchange::mirror_to(std::uint32_t pool) {
  Exchange* copy = worker_.new_exchange();
  copy->begin(worker_.nobody(), {.address = client_address_, .protocol = protocol_});
  copy->method_ = method_;
  copy->request_whole_ = true;
  copy->cache_.background = true;
  copy->route_ = route_;
  copy->text_ = text_;
  copy->pool_ = worker_.pool(pool);
  ++copy->pool_->users;
  copy->attempt(false);
}

// ---- files

void Exchange::serve_file(const RoutePolicy& policy, const http::RequestHead& head) {
  if (head.method != Method::kGet && head.method != Method::kHead)
    return answer({405, "these are files: GET and HEAD are what there is"});
  const std::string_view path =
      head.path.starts_with('/') ? normalized_path(head.path, worker_.scratch(1)) : "/";
  std::string_view rest = path;
  std::string_view prefix = std::string_view(route_).substr(route_.find('/'));
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  rest.remove_prefix(std::min(prefix.size(), rest.size()));
  const http::Field* accept = head.find(FieldId::kAcceptEncoding);
  FoundFile found = find_file(policy.files(), rest, accept ? accept->value : "");
  if (found.kind == FoundFile::Kind::kMissing) return answer({404, "there is no such file"});
  if (found.kind == FoundFile::Kind::kFolder) {
    const std::string query = head.query.empty() ? "" : fmt::format("?{}", head.query);
    return answer({301, "this is a folder", fmt::format("Location: {}/{}\r\n", path, query)});
  }

  const auto now = std::chrono::floor<std::chrono::seconds>(wall_now());
  const std::chrono::sys_seconds modified{std::chrono::seconds(found.file.modified)};
  const std::string last_modified = http_date(modified);
  const http::Validators validators{found.file.etag, last_modified, modified};
  http::RangeAnswer range;
  status_ = 200;
  if (http::not_modified(head, validators, now)) {
    status_ = 304;
  } else {
    range = http::judge_range(head, found.file.size, validators, now);
    if (range.kind == http::RangeAnswer::Kind::kPart) status_ = 206;
    if (range.kind == http::RangeAnswer::Kind::kUnsatisfiable) status_ = 416;
  }
  file_next_ = status_ == 206 ? range.range.first : 0;
  file_end_ = status_ == 206 ? range.range.last + 1 : found.file.size;

  std::string text = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", status_,
                                 http::reason_phrase(status_), http_date(now));
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) text.append(name).append(": ").append(value).append("\r\n");
  };
  line("Last-Modified", last_modified);
  line("ETag", found.file.etag);
  line("Cache-Control", policy.files().cache_control);
  line("Accept-Ranges", "bytes");
  if (found.file.has_variants) line("Vary", "Accept-Encoding");
  if (status_ == 416) {
    file_end_ = 0;
    line("Content-Range", fmt::format("bytes */{}", found.file.size));
  }
  if (status_ == 206)
    line("Content-Range",
         fmt::format("bytes {}-{}/{}", file_next_, file_end_ - 1, found.file.size));
  if (status_ != 304) {
    line("Content-Type", status_ == 416 ? "" : found.file.content_type);
    if (found.file.coding != http::Coding::kIdentity)
      line("Content-Encoding", http::to_string(found.file.coding));
    line("Content-Length", fmt::format("{}", file_end_ - file_next_));
  }
  text += "\r\n";
  http::HeadParser& parser = worker_.response_parser();
  std::size_t scanned = 0;
  parser.parse_response(text, scanned, method_);
  response_started_ = true;
  if (parser.response().body.kind == http::BodyFraming::Kind::kNone) file_end_ = file_next_;
  send_head(parser.response());
  if (file_next_ == file_end_) client_->send_body({}, true, {});
  file_ = std::move(found.file.fd);
  go_on_with_file();
}

void Exchange::go_on_with_file() {
  const std::span<char> buffer = worker_.origin_buffer();
  while (file_next_ < file_end_) {
    if (client_->congested()) return;
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), file_end_ - file_next_);
    const ssize_t got = ::pread(file_.get(), buffer.data(), wanted, static_cast<off_t>(file_next_));
    if (got <= 0) return cut();  // it has become shorter than its head says
    file_next_ += static_cast<std::uint64_t>(got);
    bytes_out_ += static_cast<std::uint64_t>(got);
    client_->send_body({buffer.data(), static_cast<std::size_t>(got)}, file_next_ == file_end_, {});
  }
  client_->flush();
  finish();
}

}  // namespace fairlead::edge
