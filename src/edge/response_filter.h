#pragma once

#include <memory>
#include <string>

#include "edge/client_stream.h"
#include "edge/route_policy.h"
#include "http/content_coding.h"
#include "http/h1_parser.h"

namespace fairlead::edge {

// Stands between an exchange and its client where the route changes responses: header rules,
// cross-origin fields, compression. The exchange sees a client, the client an exchange.
class ResponseFilter final : public ClientStream {
 public:
  // For one exchange, from its start to one of its ends. What it needs of the request is copied.
  // `client` must outlive the exchange, as it does anyway.
  // Without a policy only lines are added.
  void begin(ClientStream& client, RoutePolicyPtr policy, const Asker& asker);
  // One more line of the final head, with its "\r\n".
  void add_line(std::string_view line) { lines_ += line; }
  bool tls() const { return tls_; }

  void send_interim(const http::ResponseHead& head) override { client_->send_interim(head); }
  void send_head(const http::ResponseHead& head, std::string_view request_id) override;
  void send_body(std::string_view data, bool end, std::string_view trailers) override;
  void flush() override;
  bool congested() const override { return client_->congested(); }
  void resume_request_body() override { client_->resume_request_body(); }
  void exchange_finished() override { release().exchange_finished(); }
  void exchange_cut() override { release().exchange_cut(); }

 private:
  bool will_compress(const http::ResponseHead& head) const;
  void write_head(const http::ResponseHead& head, bool compressed);
  void append_policy(const http::ResponseHead& head);
  ClientStream& release();

  ClientStream* client_ = nullptr;
  RoutePolicyPtr policy_;
  http::Method method_ = http::Method::kOther;
  http::Coding coding_ = http::Coding::kIdentity;  // that the client likes best
  std::string origin_;                             // the field of that name
  bool tls_ = false;
  std::string lines_;
  std::unique_ptr<http::Encoder> encoder_;
  bool unflushed_ = false;  // it may hold back something of the body
  std::string text_;        // the changed head, then pieces of the body
  http::HeadParser parser_;
};

}  // namespace fairlead::edge
