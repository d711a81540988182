#include "io/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <array>
#include <cstring>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace fairlead::io {

namespace {

constexpr Duration kTicketKeyTime = std::chrono::hours(12);

struct TicketKey {
  unsigned char name[16];
  unsigned char cipher[32];
  unsigned char mac[32];
  Instant made;

  static std::optional<TicketKey> make() {
    TicketKey key{};
    const bool random = RAND_bytes(key.name, sizeof key.name) == 1 &&
                        RAND_priv_bytes(key.cipher, sizeof key.cipher) == 1 &&
                        RAND_priv_bytes(key.mac, sizeof key.mac) == 1;
    if (!random) return std::nullopt;
    key.made = now();
    return key;
  }
};

class KeyRing {
 public:
  // The key that tickets are made with now.
  std::optional<TicketKey> current() {
    const std::lock_guard lock(mutex_);
    rotate();
    return keys_[0];
  }
  // The key that made a ticket; nothing when that is too long ago.
  std::optional<TicketKey> find(const unsigned char* name) {
    const std::lock_guard lock(mutex_);
    rotate();
    for (const auto& key : keys_)
      if (key && std::memcmp(key->name, name, sizeof key->name) == 0) return key;
    return std::nullopt;
  }

 private:
  void rotate() {
    const Instant time = now();
    if (keys_[0] && time - keys_[0]->made < kTicketKeyTime) return;
    if (keys_[1]) OPENSSL_cleanse(&*keys_[1], sizeof *keys_[1]);
    keys_[1] = keys_[0];
    if (keys_[1] && time - keys_[1]->made >= 2 * kTicketKeyTime) {
      OPENSSL_cleanse(&*keys_[1], sizeof *keys_[1]);
      keys_[1].reset();
    }
    keys_[0] = TicketKey::make();
  }

  std::mutex mutex_;
  std::array<std::optional<TicketKey>, 2> keys_;  // the newer first
};

KeyRing& ring() {
  static KeyRing keys;
  return keys;
}

bool set_mac_key(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof key.mac),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// Returns what OpenSSL asks for: -1 an error, 0 no ticket, 1 good, 2 good but make a new one.
int use_key(SSL*, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
            int encrypts) {
  if (encrypts) {
    auto key = ring().current();
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::memcpy(name, key->name, sizeof key->name);
    return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher, iv) == 1 &&
                   set_mac_key(mac, *key)
               ? 1
               : -1;
  }
  auto key = ring().find(name);
  if (!key) return 0;
  if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher, iv) != 1 ||
      !set_mac_key(mac, *key))
    return -1;
  return now() - key->made < kTicketKeyTime ? 1 : 2;
}

}  // namespace

void share_ticket_keys(SSL_CTX* context) {
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_key);
  // A session belongs to whoever has its ticket; none are kept here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kContext[] = "fairlead";
  SSL_CTX_set_session_id_context(context, kContext, sizeof kContext - 1);
  // Each ticket of TLS 1.3 is for one connection; browsers that open more at once ask for a full
  // handshake for the others.
  SSL_CTX_set_num_tickets(context, 1);
}

}  // namespace fairlead::io
