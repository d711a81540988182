// What a fairlead.toml says about one environment of an app: plain values, defaults filled in,
// overlays applied, every value checked. Made by load (config/load.h) alone; owned by whoever holds
// it; nothing in it changes afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace fairlead::config {

// Where something was written: lines and columns count from 1, columns in characters (code points).
// Line 0: nowhere, it is a default or comes from the Procfile. A `where` points at the name of the
// thing it is part of, in fairlead.toml.
struct Location {
  unsigned line = 0;
  unsigned column = 0;

  auto operator<=>(const Location&) const = default;
};

// In the order of the file.
using Variables = std::vector<std::pair<std::string, std::string>>;

struct BuildSpec {
  std::string command;               // a shell command; "" for nothing to build
  std::string lint, test, coverage;  // shell commands of rendered pipelines; "" for none
  std::vector<std::string>
      include;             // what goes into the artifact: files, folders; relative to root
  std::string root = ".";  // relative to the file's folder; the command runs there
  Location where;
};

struct DeploySpec {
  std::string release_command;  // once per deployment, before a new replica takes traffic; or ""
  std::string schema_command;   // prints the version of the database's schema; or ""
  std::string down_command;     // undoes migrations down to FAIRLEAD_SCHEMA; or ""
  bool compatible = false;      // the release before runs on the schema that this one leaves
  Location where;
};

enum class Balance : std::uint8_t { kRoundRobin, kLeastRequests, kTwoChoices, kHash };
enum class Protocol : std::uint8_t { kHttp1, kH2 };  // as a replica speaks it

struct ProcessSpec {
  std::string name;  // a DNS label
  std::string command;
  unsigned replicas = 1;      // 0 keeps the process type stopped
  unsigned max_replicas = 0;  // to which an engine that scales by load may go; 0: it may not
  std::string health;         // a path that answers 2xx when ready; "": ready once its port accepts
  std::uint64_t memory = 0;   // bytes each replica may use; 0: no limit
  unsigned cpu_millis = 0;    // thousandths of a core each replica may use; 0: no limit
  Duration start_timeout = 30s;  // from exec to ready
  Duration stop_timeout = 30s;   // from SIGTERM to SIGKILL
  Balance balance = Balance::kRoundRobin;
  std::string hash_by = "client";  // of kHash: "client", "header:NAME" or "cookie:NAME"
  std::string sticky_cookie;       // keeps a client on its replica; "": none
  Duration slow_start{0};          // a new replica's share grows over this time
  unsigned max_requests = 0;       // at once to each replica; 0: no limit
  Duration max_wait = 2s;          // for a replica to be ready or free; 0: 503 at once
  Protocol protocol = Protocol::kHttp1;
  Variables env;  // for this process type alone; wins over AppSpec::env
  Location where;
};

struct CacheSpec {
  Duration ttl{0};  // how long an answer that does not say so itself is fresh; 0: off
  std::vector<std::string> paths;  // "/static/*": where the ttl applies; empty: the whole route
  bool heuristic = false;          // guess a lifetime from Last-Modified
  bool honour_request = false;     // let the Cache-Control of requests have a say
};

// `count` requests in each `per`.
struct Rate {
  unsigned count = 0;
  Duration per{0};
};

enum class LimitBy : std::uint8_t { kClient };  // the client's address

struct LimitSpec {
  Rate rate;  // count 0: no limit
  unsigned burst =
      0;  // requests that a quiet client may make at once; at least 1 where rate is set
  LimitBy by = LimitBy::kClient;
  std::string header;  // a request field: its value is counted instead; ""
};

struct RedirectSpec {
  std::string to;  // with {host}, {path}, {query} of the request; "": no redirect
  unsigned status = 308;
};

struct FilesSpec {
  std::string folder;  // relative to the build's root; "": none
  std::string index = "index.html";
  std::string fallback;  // served in place of what is missing; "": 404
  Duration max_age{0};   // how long clients may keep them; 0: they ask again each time
};

struct AuthSpec {
  std::string realm = "restricted";
  std::vector<std::string> users;  // "name:hash" of crypt(3); empty: nobody is asked
};

struct CorsSpec {
  std::vector<std::string> origins;  // empty: off
  std::vector<std::string> methods = {"GET", "HEAD", "POST"};
  std::vector<std::string> headers;
  bool credentials = false;
  Duration max_age = std::chrono::minutes(10);
};

struct CanarySpec {
  std::string process;  // "": none
  double percent = 0;   // of clients
  std::string header;   // "NAME: value"; "": none
};

struct RouteSpec {
  std::string host;        // lower case; "*.example.com" matches one label; "": every host
  std::string path = "/";  // prefix of whole segments
  bool exact = false;      // `path` is the whole path
  std::vector<std::string> methods;  // empty: all
  Variables headers;                 // all must be there; "*": with any value
  // One of these three.
  std::string process;
  RedirectSpec redirect;
  FilesSpec files;

  std::uint64_t max_body = 0;  // bytes; 0: the edge's own limit
  bool https_only = false;
  std::vector<std::string> allow;  // networks; empty: everybody
  AuthSpec auth;
  bool strip_prefix = false;
  std::string add_prefix;  // "/v2"; "": none
  CanarySpec canary;
  std::string mirror;  // a process type that gets a copy of requests without a body; "": none
  bool compress = true;
  bool security_headers = false;
  Duration hsts{0};            // Strict-Transport-Security; 0: none
  Variables response_headers;  // "" takes a field away
  CorsSpec cors;
  CacheSpec cache;
  LimitSpec limit;
  Location where;
};

enum class ServiceType : std::uint8_t { kPostgresql, kRedis };
enum class Drill : std::uint8_t { kNever, kDaily, kWeekly, kMonthly };

struct BackupSpec {
  Duration every{0};             // 0: no backups
  unsigned keep = 48;            // how many are kept
  Drill drill = Drill::kWeekly;  // how often one is restored to prove it
};

struct ServiceSpec {
  std::string name;  // a DNS label
  ServiceType type = ServiceType::kPostgresql;
  BackupSpec backup;
  Location where;
};

// Misbehaviour that gets a client banned.
struct BanSpec {
  std::string name;                            // a DNS label
  std::vector<std::string> paths;              // "/login*"; empty: every path
  std::vector<unsigned> statuses;              // of answers that are offences
  unsigned after = 10;                         // offences …
  Duration within = 60s;                       // … in this time
  Duration length = std::chrono::minutes(10);  // of the first ban
  Location where;
};

struct GuardSpec {
  bool standard = false;           // the rules that come with Fairlead
  std::vector<std::string> allow;  // networks that are never banned: "203.0.113.0/24"
  unsigned connections = 0;        // open at once, of one client; 0: no limit
  std::vector<BanSpec> bans;       // in the order of the file
  Location where;
};

enum class AcmeChallenge : std::uint8_t { kHttp, kTlsAlpn };

struct TlsSpec {
  std::string acme;  // "letsencrypt", or the URL of an ACME directory; "": no certificates from it
  std::string email;
  AcmeChallenge challenge = AcmeChallenge::kHttp;
  std::string acme_ca;      // a PEM file: whom to trust when talking to the ACME server; "": system
  std::string certificate;  // a PEM file of one's own
  std::string key;          // its key
  Location where;
};

struct SecretsSpec {
  std::vector<std::string> names;  // of variables; their values never stand in the file
  Location where;
};

enum class AlertValue : std::uint8_t { kMean, kMin, kMax, kRate, kIncrease };
enum class AlertSeverity : std::uint8_t { kWarning, kCritical };

// A rule of the app's own: a metric against a number. One of above and below is set.
struct AlertRuleSpec {
  std::string name;  // a DNS label
  std::string metric;
  Variables labels;  // of the series that count
  AlertValue value = AlertValue::kMean;
  std::optional<double> above, below;
  Duration over = std::chrono::minutes(5);  // the time that is looked at
  Duration hold{0};                         // how long it has to be so
  AlertSeverity severity = AlertSeverity::kWarning;
  Location where;
};

enum class MailTls : std::uint8_t { kRequired, kOptional };

struct EmailSpec {
  std::string server;  // "smtp://mail.example.com:587"; "": no mail
  std::string user, password, from;
  std::vector<std::string> to;
  MailTls tls = MailTls::kRequired;
};

// What is watched of an app unless it is muted.
inline constexpr std::array<std::string_view, 5> kDefaultAlertRules = {
    "error-rate", "latency-burn", "latency-burn-slow", "crash-loop", "backup-age"};

// "$NAME" in webhook, slack and email stands for that variable.
struct AlertsSpec {
  double error_percent = 5;       // of requests in five minutes
  Duration latency{500'000'000};  // the latency objective: so many percent …
  double latency_percent = 99;    // … within that time
  std::vector<std::string> mute;  // default rules that are not wanted
  std::string webhook, slack;
  EmailSpec email;
  std::vector<AlertRuleSpec> rules;
  Location where;
};

// Where log lines and metrics go besides. "$NAME" stands for that variable.
struct ForwardSpec {
  std::string syslog;         // "tls://logs.example.com:6514", "tcp://…"
  std::string loki;           // "https://loki.example.com"
  std::string elasticsearch;  // "https://search.example.com:9200"
  std::string otlp;           // "http://localhost:4318"
  std::string ca;             // PEM file of the certificates to trust; "": the system's
  Location where;
};

struct AppSpec {
  std::filesystem::path file;  // the fairlead.toml (or the lone Procfile), as it was given to load
  std::string environment;     // "production"
  std::string name;            // a DNS label
  std::string version = "0.1.0";  // SemVer without build metadata
  std::string branch;             // deployed from this branch; "": from any
  BuildSpec build;
  DeploySpec deploy;
  std::vector<ProcessSpec> processes;  // in the order of the file, as all that follow
  std::vector<RouteSpec> routes;
  std::vector<ServiceSpec> services;
  Variables env;
  SecretsSpec secrets;
  AlertsSpec alerts;
  GuardSpec guard;
  TlsSpec tls;
  ForwardSpec forward;

  // The process type of that name, or null. Valid as long as the spec.
  const ProcessSpec* process(std::string_view process_name) const {
    for (const auto& p : processes)
      if (p.name == process_name) return &p;
    return nullptr;
  }
};

// The variable that a service's address is handed to the app in: "DATABASE_URL", "REDIS_URL".
std::string_view url_variable(ServiceType type);

std::string_view to_string(Balance balance);   // "round-robin"
std::string_view to_string(ServiceType type);  // "postgresql"

}  // namespace fairlead::config
