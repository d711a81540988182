// Every key of fairlead.toml: one line each.
#include "config/schema.h"
#include "config/value_types.h"

namespace fairlead::config {
namespace {

template <typename Enum>
struct Named {
  std::string_view name;
  Enum value;
};

constexpr std::array<Named<Balance>, 4> kBalances = {{{"round-robin", Balance::kRoundRobin},
                                                      {"least-requests", Balance::kLeastRequests},
                                                      {"two-choices", Balance::kTwoChoices},
                                                      {"hash", Balance::kHash}}};
constexpr std::array<Named<Protocol>, 3> kProtocols = {
    {{"http/1.1", Protocol::kHttp1}, {"h2", Protocol::kH2}, {"grpc", Protocol::kH2}}};
constexpr std::array<Named<LimitBy>, 1> kLimitBy = {{{"client", LimitBy::kClient}}};
constexpr std::array<Named<AcmeChallenge>, 2> kAcmeChallenges = {
    {{"http-01", AcmeChallenge::kHttp}, {"tls-alpn-01", AcmeChallenge::kTlsAlpn}}};
constexpr std::array<Named<ServiceType>, 2> kServiceTypes = {
    {{"postgresql", ServiceType::kPostgresql}, {"redis", ServiceType::kRedis}}};
constexpr std::array<Named<Drill>, 4> kDrills = {{{"never", Drill::kNever},
                                                  {"daily", Drill::kDaily},
                                                  {"weekly", Drill::kWeekly},
                                                  {"monthly", Drill::kMonthly}}};

constexpr std::array<Named<AlertValue>, 5> kAlertValues = {{{"mean", AlertValue::kMean},
                                                            {"min", AlertValue::kMin},
                                                            {"max", AlertValue::kMax},
                                                            {"rate", AlertValue::kRate},
                                                            {"increase", AlertValue::kIncrease}}};
constexpr std::array<Named<AlertSeverity>, 2> kSeverities = {
    {{"warning", AlertSeverity::kWarning}, {"critical", AlertSeverity::kCritical}}};
constexpr std::array<Named<MailTls>, 2> kMailTls = {
    {{"required", MailTls::kRequired}, {"optional", MailTls::kOptional}}};

// --- What a line is made of ---

template <typename Pointer>
struct PointerTo;
template <typename Struct, typename Type>
struct PointerTo<Type Struct::*> {
  using Owner = Struct;
  using Value = Type;
};

template <auto Pointer>
auto& member_of(void* target) {
  return static_cast<typename PointerTo<decltype(Pointer)>::Owner*>(target)->*Pointer;
}
template <auto Pointer>
const auto& member_of(const void* target) {
  return static_cast<const typename PointerTo<decltype(Pointer)>::Owner*>(target)->*Pointer;
}

template <typename Type, auto Pointer>
constexpr Key key(std::string_view name, std::string_view doc) {
  return {
      .name = name,
      .type = &Type::name,
      .read = [](Reader& reader, const Member& member,
                 void* target) { read_value<Type>(reader, member, member_of<Pointer>(target)); },
      .write = [](const void* target) { return Type::write(member_of<Pointer>(target)); },
      .doc = doc};
}

template <typename Struct>
void read_struct(const Schema& schema, Reader& reader, const Member& table, Struct& out) {
  if constexpr (requires { out.where; }) out.where = table.span.where;
  reader.read_table(schema, table, &out);
}

Json not_empty(Json json) { return json.empty() ? Json() : json; }

// [name]
template <const Schema& Nested, auto Pointer>
constexpr Key table(std::string_view name) {
  return {
      .name = name,
      .type = [] { return std::string("table"); },
      .read =
          [](Reader& reader, const Member& member, void* target) {
            if (!reader.expect(member, Kind::kTable, "a table")) return;
            const Reader::Scope scope(reader, member.name);
            read_struct(Nested, reader, member, member_of<Pointer>(target));
          },
      .write =
          [](const void* target) { return not_empty(Nested.write(&member_of<Pointer>(target))); },
      .doc = Nested.doc,
      .shape = Shape::kTable,
      .nested = &Nested};
}

// [name], not written where it says nothing.
template <const Schema& Nested, typename Struct, auto Pointer>
constexpr Key optional_table(std::string_view name) {
  Key line = table<Nested, Pointer>(name);
  line.write = [](const void* target) {
    const Struct fresh{};
    auto json = Nested.write(&member_of<Pointer>(target));
    return json == Nested.write(&fresh) ? Json() : json;
  };
  return line;
}

// [name.NAME], any number
template <const Schema& Nested, auto Pointer>
constexpr Key named_tables(std::string_view name) {
  return {.name = name,
          .type = [] { return std::string("tables"); },
          .read =
              [](Reader& reader, const Member& member, void* target) {
                if (!reader.expect(member, Kind::kTable, "a table")) return;
                const Reader::Scope scope(reader, member.name);
                for (const auto& table : member.node.members) {
                  if (is_free_key(table.name)) continue;
                  if (auto checked = parse_name(table.name); !checked) {
                    reader.wrong_name(table, checked.error());
                  } else if (reader.expect(table, Kind::kTable, "a table")) {
                    const Reader::Scope inner(reader, table.name);
                    auto& item = member_of<Pointer>(target).emplace_back();
                    item.name = table.name;
                    read_struct(Nested, reader, table, item);
                  }
                }
              },
          .write =
              [](const void* target) {
                Json json = Json::object();
                for (const auto& item : member_of<Pointer>(target))
                  json[item.name] = Nested.write(&item);
                return not_empty(std::move(json));
              },
          .doc = Nested.doc,
          .shape = Shape::kNamedTables,
          .nested = &Nested};
}

// [[name]]
template <const Schema& Nested, auto Pointer>
constexpr Key list_of_tables(std::string_view name) {
  return {.name = name,
          .type = [] { return std::string("list of tables"); },
          .read =
              [](Reader& reader, const Member& member, void* target) {
                if (!reader.expect(member, Kind::kList, "a list of tables")) return;
                for (const auto& node : member.node.items) {
                  const Member table{member.name, node.span, node};
                  if (!reader.expect(table, Kind::kTable, "a list of tables")) continue;
                  const Reader::Scope scope(reader, member.name);
                  read_struct(Nested, reader, table, member_of<Pointer>(target).emplace_back());
                }
              },
          .write =
              [](const void* target) {
                Json json = Json::array();
                for (const auto& item : member_of<Pointer>(target))
                  json.push_back(Nested.write(&item));
                return not_empty(std::move(json));
              },
          .doc = Nested.doc,
          .shape = Shape::kListOfTables,
          .nested = &Nested};
}

constexpr Key required(Key line) {
  line.required = true;
  return line;
}
constexpr Key at(Place place, Key line) {
  line.place = place;
  return line;
}

template <typename Struct, std::size_t N>
constexpr Schema schema(std::string_view doc, const std::array<Key, N>& keys) {
  return {doc, keys, [](const Key& line) {
            const Struct fresh{};
            return line.write(&fresh);
          }};
}

// --- The lines ---

constexpr auto kBuildKeys = std::to_array<Key>({
    key<Command, &BuildSpec::command>("command", "Makes the program; run by /bin/sh in `root`."),
    key<Command, &BuildSpec::lint>("lint", "Finds bad style; run in `root` by rendered pipelines."),
    key<Command, &BuildSpec::test>("test", "Tests; run in `root` by rendered pipelines."),
    key<Command, &BuildSpec::coverage>(
        "coverage", "Says what the tests reach; run in `root` by rendered pipelines."),
    key<List<InnerPath>, &BuildSpec::include>(
        "include", "What the artifact is made of; relative to `root`, and inside it."),
    key<Folder, &BuildSpec::root>(
        "root", "Where `command` runs and `include` starts; relative to the folder of this file."),
});
constexpr Schema kBuild = schema<BuildSpec>("How the artifact is made.", kBuildKeys);

constexpr auto kDeployKeys = std::to_array<Key>({
    key<Command, &DeploySpec::release_command>(
        "release_command",
        "Run once per deployment, before a new replica takes traffic: migrations."),
    key<Command, &DeploySpec::schema_command>(
        "schema_command",
        "Prints the version of the database's schema as its last line; kept with each release."),
    key<Command, &DeploySpec::down_command>(
        "down_command",
        "Undoes migrations until the schema has the version in FAIRLEAD_SCHEMA; run by "
        "'fairlead rollback --down'."),
    key<YesOrNo, &DeploySpec::compatible>(
        "compatible",
        "Whether the release before this one runs on the schema that this one leaves; if not, "
        "rolling back over it is refused."),
});
constexpr Schema kDeploy = schema<DeploySpec>("How a release is made live.", kDeployKeys);

constexpr auto kProcessKeys = std::to_array<Key>({
    required(key<Command, &ProcessSpec::command>("command", "What a replica runs.")),
    key<Whole<0, 500>, &ProcessSpec::replicas>(
        "replicas", "How many replicas run; 0 keeps the process type stopped."),
    key<Whole<1, 500>, &ProcessSpec::max_replicas>(
        "max_replicas",
        "How many Kubernetes or ECS may start when load grows; `replicas` is then the least. One "
        "machine always runs `replicas`."),
    key<Path, &ProcessSpec::health>(
        "health",
        "Answers 2xx when a replica is ready. Without it, ready is when its port accepts."),
    key<Size, &ProcessSpec::memory>("memory",
                                    "The most memory a replica may use; no limit without it."),
    key<Cores, &ProcessSpec::cpu_millis>(
        "cpu",
        "The most processor time a replica may use: `0.5` is half a core; no limit without it."),
    key<PositiveTime, &ProcessSpec::start_timeout>("start_timeout", "From start to ready."),
    key<PositiveTime, &ProcessSpec::stop_timeout>(
        "stop_timeout", "From SIGTERM, which means finish and exit, to SIGKILL."),
    key<Choice<kBalances>, &ProcessSpec::balance>("balance",
                                                  "How the edge chooses among ready replicas."),
    key<KeySource, &ProcessSpec::hash_by>(
        "hash_by", "What stays together with `balance = \"hash\"`: a client's address, a field."),
    key<FieldName, &ProcessSpec::sticky_cookie>(
        "sticky_cookie", "A cookie of this name keeps a client on its replica."),
    key<Time, &ProcessSpec::slow_start>("slow_start",
                                        "A new replica's share of requests grows over this time."),
    key<Whole<0, 1'000'000>, &ProcessSpec::max_requests>(
        "max_requests", "Requests at once to each replica; more wait. No limit without it."),
    key<Time, &ProcessSpec::max_wait>(
        "max_wait", "How long a request may wait for a replica that is ready and free, then 503."),
    key<Choice<kProtocols>, &ProcessSpec::protocol>(
        "protocol",
        "What its replicas speak. `h2` and `grpc` both mean HTTP/2 without TLS, of which they must "
        "know beforehand; readiness is then that the port accepts."),
    key<Environment, &ProcessSpec::env>("env",
                                        "Variables for this process type; they win over `[env]`."),
});
constexpr Schema kProcess = schema<ProcessSpec>(
    "A process type. Without any, a `Procfile` beside this file is read.", kProcessKeys);

constexpr auto kCacheKeys = std::to_array<Key>({
    key<PositiveTime, &CacheSpec::ttl>("ttl",
                                       "How long an answer that does not say so itself is fresh."),
    key<List<PathPattern>, &CacheSpec::paths>("paths",
                                              "Where `ttl` applies; everywhere without it."),
    key<Flag, &CacheSpec::heuristic>(
        "heuristic", "Guess a lifetime from `Last-Modified` where an answer says none."),
    key<Flag, &CacheSpec::honour_request>(
        "honour_request", "Let the `Cache-Control` of requests have a say: `no-cache` asks anew."),
});
constexpr Schema kCache =
    schema<CacheSpec>("Caching of answers that say nothing about it.", kCacheKeys);

constexpr auto kLimitKeys = std::to_array<Key>({
    required(
        key<RateOf, &LimitSpec::rate>("rate", "Requests let through; above it the answer is 429.")),
    key<Whole<1, 1'000'000>, &LimitSpec::burst>(
        "burst",
        "Requests that may come at once after a quiet time; as many as the rate names "
        "without it."),
    key<Choice<kLimitBy>, &LimitSpec::by>("by", "What is counted for itself."),
    key<FieldName, &LimitSpec::header>("header",
                                       "A request field: each of its values is counted for "
                                       "itself, and the client where a request has none."),
});
constexpr Schema kLimit = schema<LimitSpec>("A limit on requests.", kLimitKeys);

constexpr auto kRedirectKeys = std::to_array<Key>({
    required(key<Command, &RedirectSpec::to>(
        "to", "Where to; `{host}`, `{path}` and `{query}` stand for the request's.")),
    key<Whole<301, 308>, &RedirectSpec::status>("status", "301, 302, 303, 307 or 308."),
});
constexpr Schema kRedirect =
    schema<RedirectSpec>("An answer that leads elsewhere, in place of a process.", kRedirectKeys);

constexpr auto kFilesKeys = std::to_array<Key>({
    required(key<InnerPath, &FilesSpec::folder>(
        "folder", "What is served, relative to `build.root`; part of the artifact.")),
    key<InnerPath, &FilesSpec::index>("index", "What a folder is answered with."),
    key<InnerPath, &FilesSpec::fallback>(
        "fallback", "Served in place of what is missing: for apps that route in the browser."),
    key<Time, &FilesSpec::max_age>("max_age", "How long clients may keep them without asking."),
});
constexpr Schema kFiles = schema<FilesSpec>(
    "Files that the edge serves itself, in place of a process: with ranges, ETag and precompressed "
    "variants (`.br`, `.zst`, `.gz`).",
    kFilesKeys);

constexpr auto kAuthKeys = std::to_array<Key>({
    key<FieldName, &AuthSpec::realm>("realm", "What the browser calls it."),
    required(key<List<AnyText>, &AuthSpec::users>(
        "users", "`name:hash`, as `mkpasswd` and `htpasswd -nB` write them.")),
});
constexpr Schema kAuth = schema<AuthSpec>("Names and passwords (HTTP Basic).", kAuthKeys);

constexpr auto kCorsKeys = std::to_array<Key>({
    required(key<List<AnyText>, &CorsSpec::origins>(
        "origins", "`https://app.example.com`, or `*` for everybody.")),
    key<List<Method>, &CorsSpec::methods>("methods", "What they may ask with."),
    key<List<FieldName>, &CorsSpec::headers>("headers", "Header fields they may send."),
    key<Flag, &CorsSpec::credentials>("credentials", "Whether cookies and passwords go along."),
    key<PositiveTime, &CorsSpec::max_age>("max_age", "How long a browser remembers it."),
});
constexpr Schema kCors = schema<CorsSpec>("Pages of other origins that may ask (CORS).", kCorsKeys);

constexpr auto kCanaryKeys = std::to_array<Key>({
    required(key<AnyText, &CanarySpec::process>("process", "The process type on trial.")),
    key<Percent, &CanarySpec::percent>("percent", "The share of clients that get it."),
    key<FieldLine, &CanarySpec::header>("header", "Requests with this field get it too."),
});
constexpr Schema kCanary =
    schema<CanarySpec>("A process type that some clients are sent to.", kCanaryKeys);

constexpr auto kRouteKeys = std::to_array<Key>({
    key<Host, &RouteSpec::host>(
        "host", "`example.com`, or `*.example.com` for any one label; every host without it."),
    key<Path, &RouteSpec::path>("path", "A prefix of whole segments; the longest match wins."),
    key<Flag, &RouteSpec::exact>("exact", "`path` is the whole path, not a prefix."),
    key<List<Method>, &RouteSpec::methods>("methods", "Only these; `GET` includes `HEAD`."),
    key<Fields, &RouteSpec::headers>("headers",
                                     "Only requests with these fields; `*` for any value."),
    key<AnyText, &RouteSpec::process>(
        "process", "The process type that answers; or else `redirect` or `files`."),
    optional_table<kRedirect, RedirectSpec, &RouteSpec::redirect>("redirect"),
    optional_table<kFiles, FilesSpec, &RouteSpec::files>("files"),
    key<Size, &RouteSpec::max_body>("max_body",
                                    "The largest request body; the edge's own limit without it."),
    key<Flag, &RouteSpec::https_only>("https_only", "Plain HTTP is led to HTTPS."),
    key<List<Network>, &RouteSpec::allow>("allow", "Only clients of these networks."),
    optional_table<kAuth, AuthSpec, &RouteSpec::auth>("auth"),
    key<Flag, &RouteSpec::strip_prefix>("strip_prefix", "The app sees the path without `path`."),
    key<Path, &RouteSpec::add_prefix>("add_prefix", "The app sees this before the path."),
    optional_table<kCanary, CanarySpec, &RouteSpec::canary>("canary"),
    key<AnyText, &RouteSpec::mirror>(
        "mirror",
        "A process type that gets a copy of requests without a body; nobody sees its "
        "answers."),
    key<Flag, &RouteSpec::compress>("compress", "Texts are sent compressed (zstd, br, gzip)."),
    key<Flag, &RouteSpec::security_headers>(
        "security_headers", "Adds nosniff, frame, referrer and opener policies where missing."),
    key<Time, &RouteSpec::hsts>("hsts", "Strict-Transport-Security over HTTPS: `365d`."),
    key<Fields, &RouteSpec::response_headers>("response_headers",
                                              "Set in each response; `\"\"` takes one away."),
    optional_table<kCors, CorsSpec, &RouteSpec::cors>("cors"),
    table<kCache, &RouteSpec::cache>("cache"),
    table<kLimit, &RouteSpec::limit>("limit"),
});
constexpr Schema kRoute = schema<RouteSpec>(
    "What reaches the app from outside. Without any, `NAME.localhost` leads to the process type "
    "`web`.",
    kRouteKeys);

constexpr auto kBackupKeys = std::to_array<Key>({
    required(key<PositiveTime, &BackupSpec::every>("every", "How often a backup is made.")),
    key<Whole<1, 10'000>, &BackupSpec::keep>("keep", "How many are kept."),
    key<Choice<kDrills>, &BackupSpec::drill>("drill",
                                             "How often the last one is restored to prove it."),
});
constexpr Schema kBackup = schema<BackupSpec>("Backups of the service.", kBackupKeys);

constexpr auto kServiceKeys = std::to_array<Key>({
    required(key<Choice<kServiceTypes>, &ServiceSpec::type>(
        "type", "What runs; its address reaches the app as `DATABASE_URL` or `REDIS_URL`.")),
    table<kBackup, &ServiceSpec::backup>("backup"),
});
constexpr Schema kService =
    schema<ServiceSpec>("A backing service that Fairlead runs for the app.", kServiceKeys);

constexpr auto kBanKeys = std::to_array<Key>({
    key<List<PathPattern>, &BanSpec::paths>("paths",
                                            "Where an answer is an offence; everywhere without."),
    required(
        key<WholeList<400, 599>, &BanSpec::statuses>("statuses", "Answers that are an offence.")),
    key<Whole<1, 10'000>, &BanSpec::after>("after", "So many offences …"),
    key<PositiveTime, &BanSpec::within>("within", "… in this time, and the client is banned."),
    key<PositiveTime, &BanSpec::length>(
        "for", "How long; each ban that follows another soon lasts twice as long."),
});
constexpr Schema kBan = schema<BanSpec>("Misbehaviour that gets a client banned.", kBanKeys);

constexpr auto kGuardKeys = std::to_array<Key>({
    key<Flag, &GuardSpec::standard>("standard",
                                    "Ban by the rules that come with Fairlead: guessing at login "
                                    "pages, looking for holes, broken HTTP or TLS."),
    key<List<Network>, &GuardSpec::allow>("allow", "Who is never banned or limited."),
    key<Whole<1, 100'000>, &GuardSpec::connections>(
        "connections", "Connections that one client may have open; no limit without it."),
    named_tables<kBan, &GuardSpec::bans>("bans"),
});
constexpr Schema kGuard = schema<GuardSpec>("Who may not come in.", kGuardKeys);

constexpr auto kTlsKeys = std::to_array<Key>({
    key<AnyText, &TlsSpec::acme>("acme",
                                 "`letsencrypt`, or the URL of another ACME directory: "
                                 "certificates for the routes' hosts come from there."),
    key<AnyText, &TlsSpec::email>("email", "Where the authority writes to."),
    key<Choice<kAcmeChallenges>, &TlsSpec::challenge>("challenge",
                                                      "How the hosts are proved to be ours."),
    key<AnyText, &TlsSpec::acme_ca>(
        "acme_ca", "A PEM file: whom to trust as the ACME server, instead of the system's list."),
    key<AnyText, &TlsSpec::certificate>("certificate", "A certificate of one's own, a PEM file."),
    key<AnyText, &TlsSpec::key>("key", "Its key, a PEM file."),
});
constexpr Schema kTls = schema<TlsSpec>("Certificates. Without any, a self-signed one.", kTlsKeys);

constexpr auto kSecretsKeys = std::to_array<Key>({
    key<List<VariableName>, &SecretsSpec::names>(
        "names", "Variables whose values are set by `fairlead secrets` and never stand in a file."),
});
constexpr Schema kSecrets = schema<SecretsSpec>("Variables that are secret.", kSecretsKeys);

constexpr auto kAlertRuleKeys = std::to_array<Key>({
    required(key<AnyText, &AlertRuleSpec::metric>(
        "metric", "Its name, as `fairlead metrics` lists it; counters without `_total`.")),
    key<Environment, &AlertRuleSpec::labels>("labels", "Labels of the series that count."),
    key<Choice<kAlertValues>, &AlertRuleSpec::value>(
        "value", "What is compared: `rate` (per second) and `increase` are for counters."),
    key<Limit, &AlertRuleSpec::above>("above", "It fires above this."),
    key<Limit, &AlertRuleSpec::below>("below", "It fires below this."),
    key<PositiveTime, &AlertRuleSpec::over>("over", "The time that is looked at."),
    key<Time, &AlertRuleSpec::hold>("hold", "How long it has to be so before it fires."),
    key<Choice<kSeverities>, &AlertRuleSpec::severity>("severity", "How bad it is."),
});
constexpr Schema kAlertRule =
    schema<AlertRuleSpec>("A rule of the app's own: a metric against a number.", kAlertRuleKeys);

constexpr auto kEmailKeys = std::to_array<Key>({
    required(key<AnyText, &EmailSpec::server>("server",
                                              "`smtp://HOST:587` (STARTTLS), or `smtps://HOST`.")),
    key<AnyText, &EmailSpec::user>("user", "Who signs in there."),
    key<AnyText, &EmailSpec::password>("password", "As `$NAME`: a secret or variable."),
    required(key<AnyText, &EmailSpec::from>("from", "The sender's address.")),
    required(key<List<AnyText>, &EmailSpec::to>("to", "The receivers' addresses.")),
    key<Choice<kMailTls>, &EmailSpec::tls>("tls", "Whether mail may go in the clear."),
});
constexpr Schema kEmail = schema<EmailSpec>("Notices by e-mail.", kEmailKeys);

constexpr auto kAlertsKeys = std::to_array<Key>({
    key<Percent, &AlertsSpec::error_percent>(
        "error_percent", "More failed requests than this in five minutes fire `error-rate`."),
    key<PositiveTime, &AlertsSpec::latency>(
        "latency", "The objective: `latency_percent` of requests take at most this."),
    key<Percent, &AlertsSpec::latency_percent>("latency_percent", "See `latency`."),
    key<List<AnyText>, &AlertsSpec::mute>("mute", "Default rules that are not wanted."),
    key<AnyText, &AlertsSpec::webhook>(
        "webhook", "A URL that gets each notice as JSON; `$NAME` is that secret or variable."),
    key<AnyText, &AlertsSpec::slack>("slack", "A Slack-compatible webhook; `$NAME` too."),
    optional_table<kEmail, EmailSpec, &AlertsSpec::email>("email"),
    named_tables<kAlertRule, &AlertsSpec::rules>("rules"),
});
constexpr Schema kAlerts =
    schema<AlertsSpec>("What is watched beyond the defaults, and who is told.", kAlertsKeys);

constexpr auto kForwardKeys = std::to_array<Key>({
    key<AnyText, &ForwardSpec::syslog>("syslog",
                                       "`tls://HOST:PORT` or `tcp://HOST:PORT`: RFC 5424."),
    key<AnyText, &ForwardSpec::loki>("loki", "The address of a Loki."),
    key<AnyText, &ForwardSpec::elasticsearch>("elasticsearch", "The address of an Elasticsearch."),
    key<AnyText, &ForwardSpec::otlp>(
        "otlp", "The address of an OpenTelemetry collector: logs, metrics, traces over HTTP."),
    key<AnyText, &ForwardSpec::ca>("ca", "PEM file of the certificates to trust there."),
});
constexpr Schema kForward = schema<ForwardSpec>(
    "Where the app's log lines and metrics go besides; `$NAME` is a secret or variable.",
    kForwardKeys);

struct AppName : CheckedText<parse_name> {
  static std::string name() { return "name"; }
};

// Taken out of the document and laid over it before this table is used (load.cc).
constexpr Key environments() {
  return {.name = "environments",
          .type = [] { return std::string("tables"); },
          .read = [](Reader& reader, const Member& member,
                     void*) { reader.expect(member, Kind::kTable, "a table"); },
          .write = [](const void*) { return Json(); },
          .doc =
              "An environment: any key of this file but `name` and `version`, laid over the rest. "
              "Tables are changed key by key, lists replaced. `production` and `dev` exist "
              "without being named.",
          .place = Place::kNotInEnvironments,
          .shape = Shape::kNamedTables};
}

constexpr auto kAppKeys = std::to_array<Key>({
    required(at(Place::kNotInEnvironments,
                key<AppName, &AppSpec::name>("name", "The app's name on every machine."))),
    at(Place::kNotInEnvironments,
       key<Version, &AppSpec::version>("version", "SemVer; each build appends `+build.N`.")),
    at(Place::kOnlyInEnvironments,
       key<AnyText, &AppSpec::branch>("branch", "The branch that this environment follows.")),
    table<kBuild, &AppSpec::build>("build"),
    table<kDeploy, &AppSpec::deploy>("deploy"),
    named_tables<kProcess, &AppSpec::processes>("processes"),
    list_of_tables<kRoute, &AppSpec::routes>("routes"),
    named_tables<kService, &AppSpec::services>("services"),
    key<Environment, &AppSpec::env>("env", "Variables for all processes."),
    table<kSecrets, &AppSpec::secrets>("secrets"),
    optional_table<kAlerts, AlertsSpec, &AppSpec::alerts>("alerts"),
    table<kGuard, &AppSpec::guard>("guard"),
    table<kTls, &AppSpec::tls>("tls"),
    table<kForward, &AppSpec::forward>("forward"),
    environments(),
});
constexpr Schema kApp = schema<AppSpec>("The app.", kAppKeys);

template <const auto& Names>
std::string_view name_in(auto value) {
  return std::ranges::find(Names, value, [](const auto& named) { return named.value; })->name;
}

}  // namespace

const Schema& app_schema() { return kApp; }

std::string_view to_string(Balance balance) { return name_in<kBalances>(balance); }
std::string_view to_string(ServiceType type) { return name_in<kServiceTypes>(type); }

std::string_view url_variable(ServiceType type) {
  return type == ServiceType::kPostgresql ? "DATABASE_URL" : "REDIS_URL";
}

}  // namespace fairlead::config
