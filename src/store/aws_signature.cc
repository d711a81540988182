#include "store/aws_signature.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <map>

#include "base/strings.h"

namespace fairlead::store {

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string hmac(std::string_view key, std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
       reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

// "20150830T123600Z"
std::string amz_date(WallTime time) {
  std::string text;
  for (const char c : rfc3339(time).substr(0, 19))
    if (c != '-' && c != ':') text += c;
  return text + "Z";
}

}  // namespace

// The steps of "Create a signed AWS API request" in the IAM user guide.
void sign_for_aws(http::Request& request, std::string_view host, const AwsScope& scope,
                  const AwsCredentials& credentials, WallTime time) {
  const auto date = amz_date(time);
  request.fields.set("X-Amz-Date", date);
  if (!credentials.session_token.empty())
    request.fields.set("X-Amz-Security-Token", credentials.session_token);

  std::map<std::string, std::string> fields = {{"host", std::string(host)}};
  for (const auto& line : request.fields) fields[to_lower(line.name)] = trim(line.value);
  std::string canonical_fields, names;
  for (const auto& [name, value] : fields) {
    canonical_fields += fmt::format("{}:{}\n", name, value);
    names += (names.empty() ? "" : ";") + name;
  }
  const auto question = request.target.find('?');
  const auto path = request.target.substr(0, question);
  const auto query =
      question == std::string::npos ? std::string() : request.target.substr(question + 1);
  const auto canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method_text, path, query,
                                     canonical_fields, names, hex(sha256(request.body)));

  const auto day = date.substr(0, 8);
  const auto credential_scope =
      fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const auto to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, credential_scope, hex(sha256(canonical)));
  const auto key =
      hmac(hmac(hmac(hmac("AWS4" + credentials.secret_key, day), scope.region), scope.service),
           "aws4_request");
  request.fields.set(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  credentials.access_key, credential_scope, names, hex(hmac(key, to_sign))));
}

}  // namespace fairlead::store
