#include "io/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <map>

#include "base/file.h"
#include "base/strings.h"
#include "io/tls_tickets.h"

namespace fairlead::io {

namespace {

struct Free {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(BIO* b) const { BIO_free_all(b); }
  void operator()(GENERAL_NAMES* n) const { GENERAL_NAMES_free(n); }
  void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::unexpected<Error> fail_tls(std::string_view what) {
  char text[256] = "unknown reason";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(Code::kInvalid, fmt::format("{}: {}", what, text));
}

// Wire form of an ALPN list: each name behind its length.
std::string alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const auto& name : names) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

Result<Owned<SSL_CTX>> make_context(const SSL_METHOD* method) {
  Owned<SSL_CTX> context(SSL_CTX_new(method));
  if (!context) return fail_tls("cannot make a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Buffers are given back while a connection is idle: 16 KiB and more each, times ten thousand.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // A peer that closes without close_notify is common; HTTP's own framing shows what is missing.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Forward secrecy and authenticated encryption only.
  SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  return context;
}

// The DNS names in a certificate, lower case.
std::vector<std::string> names_in(X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS) continue;
    const ASN1_STRING* text = name->d.dNSName;
    names.push_back(to_lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                              static_cast<std::size_t>(ASN1_STRING_length(text))}));
  }
  return names;
}

// Whether a client offers "acme-tls/1" and nothing else (RFC 8737 §4).
bool asks_for_proof(SSL* ssl) {
  const unsigned char* list = nullptr;
  std::size_t size = 0;
  static constexpr std::string_view kWanted(
      "\0\x0b\x0a"
      "acme-tls/1",
      13);
  return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &list,
                                   &size) == 1 &&
         std::string_view(reinterpret_cast<const char*>(list), size) == kWanted;
}

// Remembers the answer to that until the server name is known.
int proof_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Mutual TLS.
Result<> ask_for_certificates(SSL_CTX* context, const TlsClientRules& rules) {
  if (rules.client_ca.empty()) return {};
  const char* const file = rules.client_ca.c_str();
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file);
  if (!names || SSL_CTX_load_verify_locations(context, file, nullptr) != 1)
    return fail_tls(fmt::format("cannot use the authorities in {}", rules.client_ca));
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (rules.client_may ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), nullptr);
  return {};
}

int give_staple(SSL* ssl, void* response) {
  const auto* bytes = static_cast<const std::string*>(response);
  auto* copy = static_cast<unsigned char*>(OPENSSL_malloc(bytes->size()));  // OpenSSL frees it
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  bytes->copy(reinterpret_cast<char*>(copy), bytes->size());
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(bytes->size()));
  return SSL_TLSEXT_ERR_OK;
}

void free_staple(void*, void* response, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(response);
}

// Staples the authority's word that the certificate is good (RFC 6066 §8), if there is one beside
// it: CERTIFICATE.ocsp, DER, as `openssl ocsp -respout` writes it.
void staple(SSL_CTX* context, const std::string& file) {
  static const int slot =
      CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr, free_staple);
  auto response = read_file(file, 64 << 10);
  if (!response || response->empty()) return;
  auto* kept = new std::string(*std::move(response));
  SSL_CTX_set_ex_data(context, slot, kept);  // frees it with the context
  SSL_CTX_set_tlsext_status_cb(context, give_staple);
  SSL_CTX_set_tlsext_status_arg(context, kept);
}

}  // namespace

void SslFree::operator()(SSL* ssl) const { SSL_free(ssl); }

struct TlsContext::Shared {
  std::vector<Owned<SSL_CTX>> contexts;     // [0] is the default
  std::map<std::string, SSL_CTX*> by_name;  // "example.org", "*.example.org"
  std::map<std::string, SSL_CTX*> proofs;   // for ACME
  std::string alpn;                         // wire form

  // The context whose certificate names `host`: exact first, then the wildcard one label up.
  SSL_CTX* find(std::string_view host) const {
    const std::string name = to_lower(host);
    if (const auto exact = by_name.find(name); exact != by_name.end()) return exact->second;
    if (const auto dot = name.find('.'); dot != std::string::npos)
      if (const auto wild = by_name.find("*" + name.substr(dot)); wild != by_name.end())
        return wild->second;
    return nullptr;
  }

  static int choose_certificate(SSL* ssl, int*, void* self) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    const Shared& shared = *static_cast<Shared*>(self);
    if (SSL_get_ex_data(ssl, proof_index())) {
      const auto proof = shared.proofs.find(to_lower(name));
      if (proof == shared.proofs.end()) return SSL_TLSEXT_ERR_ALERT_FATAL;
      SSL_set_SSL_CTX(ssl, proof->second);
    } else if (SSL_CTX* context = shared.find(name)) {
      SSL_set_SSL_CTX(ssl, context);
    }
    return SSL_TLSEXT_ERR_OK;
  }

  static int look_for_proof(SSL* ssl, int*, void* self) {
    if (asks_for_proof(ssl)) SSL_set_ex_data(ssl, proof_index(), self);
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_length,
                             const unsigned char* in, unsigned in_length, void* self) {
    static const std::string kProof = alpn_wire({"acme-tls/1"});
    const bool proves = SSL_get_ex_data(ssl, proof_index()) != nullptr;
    const std::string& ours = proves ? kProof : static_cast<Shared*>(self)->alpn;
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(
            &chosen, out_length, reinterpret_cast<const unsigned char*>(ours.data()),
            static_cast<unsigned>(ours.size()), in, in_length) != OPENSSL_NPN_NEGOTIATED)
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }
};

TlsContext::TlsContext(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

Result<TlsContext> TlsContext::server(const std::vector<CertificateFiles>& certificates,
                                      std::vector<std::string> alpn, TlsClientRules rules) {
  if (certificates.empty() || certificates.front().acme_proof)
    return fail(Code::kInvalid, "a TLS listener needs a certificate");
  auto shared = std::make_shared<Shared>();
  shared->alpn = alpn_wire(alpn);
  for (const auto& files : certificates) {
    TRY(auto context, make_context(TLS_server_method()));
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
      return fail_tls(fmt::format("cannot use certificate {}", files.certificate));
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
      return fail_tls(fmt::format("cannot use key {}", files.key));
    if (SSL_CTX_check_private_key(context.get()) != 1)
      return fail_tls(fmt::format("{} is not the key of {}", files.key, files.certificate));
    share_ticket_keys(context.get());
    if (rules.modern) SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    TRY_VOID(ask_for_certificates(context.get(), rules));
    staple(context.get(), files.certificate + ".ocsp");
    SSL_CTX_set_tlsext_servername_callback(context.get(), Shared::choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context.get(), shared.get());
    if (!shared->alpn.empty())
      SSL_CTX_set_alpn_select_cb(context.get(), Shared::choose_protocol, shared.get());
    auto& names = files.acme_proof ? shared->proofs : shared->by_name;
    for (auto& name : names_in(SSL_CTX_get0_certificate(context.get())))
      names.emplace(std::move(name), context.get());
    shared->contexts.push_back(std::move(context));
  }
  // Handshakes begin in the first one.
  if (!shared->proofs.empty())
    SSL_CTX_set_client_hello_cb(shared->contexts.front().get(), Shared::look_for_proof,
                                shared.get());
  return TlsContext(std::move(shared));
}

Result<TlsContext> TlsContext::client(std::string ca_file, std::vector<std::string> alpn) {
  auto shared = std::make_shared<Shared>();
  TRY(auto context, make_context(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) != 1
                      : SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1)
    return fail_tls("cannot load certificate authorities");
  shared->alpn = alpn_wire(alpn);
  if (!shared->alpn.empty())
    SSL_CTX_set_alpn_protos(context.get(),
                            reinterpret_cast<const unsigned char*>(shared->alpn.data()),
                            static_cast<unsigned>(shared->alpn.size()));
  shared->contexts.push_back(std::move(context));
  return TlsContext(std::move(shared));
}

Result<SslPtr> TlsContext::make_server_session(int fd) const {
  SslPtr ssl(SSL_new(shared_->contexts.front().get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1)
    return fail(Code::kUnavailable, "no memory for a TLS session");
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Result<SslPtr> TlsContext::make_client_session(int fd, const std::string& host) const {
  SslPtr ssl(SSL_new(shared_->contexts.front().get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1)
    return fail(Code::kUnavailable, "no memory for a TLS session");
  SSL_set_connect_state(ssl.get());
  // An address is verified as one and never sent as SNI (RFC 6066 §3).
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) {
    ERR_clear_error();
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    SSL_set1_host(ssl.get(), host.c_str());
  }
  return ssl;
}

// ---- certificates for development

namespace {

Result<> add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1)
    return fail_tls(fmt::format("cannot make a certificate for '{}'", value));
  return {};
}

bool is_address(const std::string& name) {
  ASN1_OCTET_STRING* parsed = a2i_IPADDRESS(name.c_str());
  ERR_clear_error();
  ASN1_OCTET_STRING_free(parsed);
  return parsed != nullptr;
}

template <typename Write>
Result<std::string> to_pem(Write write) {
  Owned<BIO> memory(BIO_new(BIO_s_mem()));
  if (!memory || write(memory.get()) != 1) return fail_tls("cannot write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

Result<> write_self_signed(const CertificateFiles& files, const std::vector<std::string>& names,
                           Duration lifetime) {
  if (names.empty()) return fail(Code::kInvalid, "a certificate needs a name");
  Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  Owned<X509> certificate(X509_new());
  if (!key || !certificate) return fail_tls("cannot make a key");

  std::string alternative_names;
  for (const auto& name : names)
    alternative_names += fmt::format("{}{}:{}", alternative_names.empty() ? "" : ",",
                                     is_address(name) ? "IP" : "DNS", name);

  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  // Some clients refuse two certificates of one issuer with the same serial number.
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x),
                          static_cast<std::uint64_t>(wall_now().time_since_epoch().count()));
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(x),
                  std::chrono::duration_cast<std::chrono::seconds>(lifetime).count());
  X509_set_pubkey(x, key.get());
  X509_NAME* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(names[0].c_str()), -1, -1, 0);
  X509_set_issuer_name(x, subject);
  TRY_VOID(add_extension(x, NID_subject_alt_name, alternative_names));
  TRY_VOID(add_extension(x, NID_basic_constraints, "critical,CA:FALSE"));
  TRY_VOID(add_extension(x, NID_ext_key_usage, "serverAuth"));
  if (X509_sign(x, key.get(), EVP_sha256()) == 0) return fail_tls("cannot sign the certificate");

  TRY(const std::string key_pem, to_pem([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      }));
  TRY(const std::string certificate_pem,
      to_pem([&](BIO* out) { return PEM_write_bio_X509(out, x); }));
  TRY_VOID(write_file_atomically(files.key, key_pem, 0600));
  return write_file_atomically(files.certificate, certificate_pem, 0644);
}

Result<CertificateFacts> certificate_facts(const std::string& certificate_file) {
  TRY(const std::string pem, read_file(certificate_file, 1 << 20));
  const Owned<BIO> memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Owned<X509> certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (!certificate)
    return fail_tls(fmt::format("{} is not a certificate in PEM form", certificate_file));
  std::tm from{}, until{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate.get()), &from) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &until) != 1)
    return fail_tls(certificate_file);
  char issuer[256] = "";
  X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate.get()), NID_commonName, issuer,
                            sizeof issuer);
  return CertificateFacts{.from = WallTime(std::chrono::seconds(::timegm(&from))),
                          .until = WallTime(std::chrono::seconds(::timegm(&until))),
                          .names = names_in(certificate.get()),
                          .issuer = issuer};
}

Result<WallTime> certificate_expiry(const std::string& certificate_file) {
  TRY(const CertificateFacts facts, certificate_facts(certificate_file));
  return facts.until;
}

}  // namespace fairlead::io
