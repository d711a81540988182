// One order with an ACME server, RFC 8555.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "acme/key.h"
#include "http/named_client.h"

namespace fairlead::acme {

enum class ChallengeType : std::uint8_t { kHttp, kTlsAlpn };

// What the server will look for at `host`: at /.well-known/acme-challenge/TOKEN (RFC 8555 §8.3), or
// in the certificate of a handshake for "acme-tls/1" (RFC 8737).
struct Proof {
  std::string host;
  std::string token;
  std::string key_authorization;
};

struct Order {
  std::string directory;  // URL
  std::string email;      // "" for none
  std::string host;
  ChallengeType challenge = ChallengeType::kHttp;
};

// Belongs to its loop's thread and outlives its calls.
class Client {
 public:
  // `account` is the account's key; the account is made at the server when it has none. `ca_file`
  // replaces the system's authorities for talking to the server; "" for those.
  Client(io::Loop& loop, const Key& account, std::string ca_file);
  ~Client();

  // Publishes the proof and returns when it can be seen; an empty one withdraws it.
  using Publish = std::function<io::Task<Result<>>(Proof)>;
  // The certificate with its chain, PEM, for the key that made `request` (Key::request_for()).
  io::Task<Result<std::string>> order(Order order, std::string request, Publish publish,
                                      io::Deadline deadline);

 private:
  struct Answer;
  io::Task<Result<Answer>> send(http::Request request, std::string url, io::Deadline deadline);
  io::Task<Result<Answer>> post(std::string url, std::string payload, io::Deadline deadline);
  io::Task<Result<>> register_account(const Order& order, io::Deadline deadline);
  io::Task<Result<>> authorize(std::string url, const Order& order, Publish& publish,
                               io::Deadline deadline);
  io::Task<Result<>> answer_challenge(std::string challenge_url, std::string authorization,
                                      io::Deadline deadline);
  io::Task<Result<Answer>> poll(std::string url, io::Deadline deadline);
  Result<std::string> signed_body(const std::string& url, const std::string& payload) const;

  io::Loop& loop_;
  const Key& account_;
  std::string ca_file_;
  std::map<std::string, std::unique_ptr<http::NamedClient>> servers_;  // by scheme and authority
  std::string new_nonce_, new_account_, new_order_;                    // of the directory
  std::string account_url_;
  std::string nonce_;
};

}  // namespace fairlead::acme
