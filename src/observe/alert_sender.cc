#include "observe/alert_sender.h"

#include <curl/curl.h>

#include <nlohmann/json.hpp>

namespace fairlead::observe {
namespace {

constexpr long kTimeoutSeconds = 15;

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

struct List {
  List() = default;
  List(const List&) = delete;
  ~List() { curl_slist_free_all(head); }
  void add(const std::string& text) { head = curl_slist_append(head, text.c_str()); }
  curl_slist* head = nullptr;
};

Handle make_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)started;
  Handle handle(curl_easy_init(), curl_easy_cleanup);
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT, kTimeoutSeconds);
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);  // threads
  return handle;
}

Result<> perform(CURL* handle) {
  const CURLcode code = curl_easy_perform(handle);
  if (code == CURLE_OK) return {};
  const Code kind = code == CURLE_OPERATION_TIMEDOUT ? Code::kTimeout
                    : code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL
                        ? Code::kInvalid
                        : Code::kUnavailable;
  return fail(kind, curl_easy_strerror(code));
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

Result<> post(const std::string& url, const std::string& body, const std::string& id) {
  const Handle handle = make_handle();
  List headers;
  headers.add("Content-Type: application/json");
  headers.add("Idempotency-Key: " + id);
  headers.add("User-Agent: fairlead");
  curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.head);
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, &ignore);
  TRY_VOID(perform(handle.get()));
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return {};
  const bool try_again = status >= 500 || status == 429 || status == 408;
  return fail(try_again ? Code::kUnavailable : Code::kInvalid,
              fmt::format("it answered {}", status));
}

std::string json_of(const Notice& notice) {
  nlohmann::json labels = nlohmann::json::object();
  for (const auto& [key, value] : notice.labels) labels[key] = value;
  return nlohmann::json{{"id", notice.id},
                        {"kind", to_string(notice.kind)},
                        {"rule", notice.rule},
                        {"severity", notice.severity},
                        {"labels", std::move(labels)},
                        {"summary", notice.summary},
                        {"since", rfc3339(notice.since)},
                        {"at", rfc3339(notice.at)}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What stands in a header field: no line of it may begin another.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  return text;
}

std::string message_of(const Email& email, const Notice& notice) {
  std::string to;
  for (const std::string& address : email.to) to += (to.empty() ? "" : ", ") + address;
  return fmt::format(
      "Date: {}\r\nFrom: {}\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}@fairlead>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n"
      "{}\r\n\r\nseverity: {}\r\nsince: {}\r\n",
      [&] {
        std::string date = http_date(notice.at);  // the same form but for the zone
        return date.substr(0, date.size() - 3) + "+0000";
      }(),
      one_line(email.from), one_line(to), one_line(headline(notice)), notice.id,
      one_line(headline(notice)), notice.severity, rfc3339(notice.since));
}

struct Upload {
  std::string_view left;
};
std::size_t read_upload(char* into, std::size_t size, std::size_t count, void* user) {
  auto& upload = *static_cast<Upload*>(user);
  const std::size_t n = std::min(size * count, upload.left.size());
  std::memcpy(into, upload.left.data(), n);
  upload.left.remove_prefix(n);
  return n;
}

struct Send {
  const Notice& notice;

  Result<> operator()(const Webhook& hook) const {
    return post(hook.url, json_of(notice), notice.id);
  }
  Result<> operator()(const SlackHook& hook) const {
    const nlohmann::json body{{"text", headline(notice)}};
    return post(hook.url, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                notice.id);
  }
  Result<> operator()(const Email& email) const {
    const Handle handle = make_handle();
    const std::string message = message_of(email, notice);
    Upload upload{message};
    List to;
    for (const std::string& address : email.to) to.add("<" + one_line(address) + ">");
    curl_easy_setopt(handle.get(), CURLOPT_URL, email.server.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(handle.get(), CURLOPT_USE_SSL,
                     static_cast<long>(email.tls_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (!email.user.empty()) {
      curl_easy_setopt(handle.get(), CURLOPT_USERNAME, email.user.c_str());
      curl_easy_setopt(handle.get(), CURLOPT_PASSWORD, email.password.c_str());
    }
    curl_easy_setopt(handle.get(), CURLOPT_MAIL_FROM, ("<" + one_line(email.from) + ">").c_str());
    curl_easy_setopt(handle.get(), CURLOPT_MAIL_RCPT, to.head);
    curl_easy_setopt(handle.get(), CURLOPT_READFUNCTION, &read_upload);
    curl_easy_setopt(handle.get(), CURLOPT_READDATA, &upload);
    curl_easy_setopt(handle.get(), CURLOPT_UPLOAD, 1L);
    return perform(handle.get());
  }
};

}  // namespace

std::string_view to_string(Notice::Kind kind) {
  switch (kind) {
    case Notice::kFiring:
      return "firing";
    case Notice::kResolved:
      return "resolved";
    case Notice::kTest:
      return "test";
  }
  return "";
}

std::string headline(const Notice& notice) {
  std::string text = fmt::format("[{}] {}", to_string(notice.kind), notice.rule);
  for (const auto& [key, value] : notice.labels) text += fmt::format(" {}={}", key, value);
  return text + ": " + notice.summary;
}

Result<> send(const AlertTarget& target, const Notice& notice) {
  auto sent = std::visit(Send{notice}, target.how);
  if (!sent) return fail(std::move(sent).error().in("cannot reach alert target " + target.name));
  return {};
}

}  // namespace fairlead::observe
