// Longer than other files because CLI11, the heaviest header of the house, shall be read once:
// every verb has its few lines here, and what it does elsewhere.
#include "cli/verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "base/strings.h"
#include "cli/bans_verb.h"
#include "cli/cache_verb.h"
#include "cli/cert_verb.h"
#include "cli/deploy_to.h"
#include "cli/doctor.h"
#include "cli/generate.h"
#include "cli/harden_verb.h"
#include "cli/image_verb.h"
#include "cli/import_verb.h"
#include "cli/install.h"
#include "cli/observe_verbs.h"
#include "cli/read_verbs.h"
#include "cli/render.h"
#include "cli/serve.h"
#include "cli/ship_verbs.h"
#include "cli/terminal.h"
#include "cli/top.h"
#include "cli/up.h"
#include "edge/run.h"

namespace fairlead::cli {

namespace {

// The definitions: every verb with its options, where their values go, and what runs then.
struct Definitions {
  CLI::App program{"takes a small web service to production", "fairlead"};
  std::function<int()> chosen;

  UpOptions up;
  ServeOptions serve;
  ShipOptions ship;
  DeployToOptions deploy_to;
  SecretsOptions secrets;
  ArtifactsOptions artifacts;
  ExecOptions exec;
  InstallOptions install;
  DoctorOptions doctor;
  CheckOptions check;
  StatusOptions status;
  LogsOptions logs;
  MetricsOptions metrics;
  AlertsOptions alerts;
  ExplainOptions explain;
  TopOptions top;
  CacheOptions cache;
  BansOptions bans;
  HardenOptions harden;
  CertOptions cert;
  RenderCommand render;
  ImageOptions image;
  ImportOptions import_options;
  edge::RunOptions edge;
  std::string on_or_off;
  std::string shell;
  std::string topic;
  bool as_markdown = false;
  bool json = false;

  Definitions() {
    program.require_subcommand(0, 1);
    program.set_version_flag("--version", [] { return "fairlead " FAIRLEAD_VERSION; });
    program.formatter_fn([this](const CLI::App* app, std::string, CLI::AppFormatMode) {
      return help_of(app == &program ? "" : app->get_name());
    });
    define_up();
    define_check();
    define_status();
    define_ps();
    define_logs();
    define_metrics();
    define_alerts();
    define_explain();
    define_top();
    define_cache();
    define_bans();
    define_harden();
    define_cert();
    define_render();
    define_image();
    define_import();
    define_serve();
    define_orders();
    define_modes();
    define_history();
    define_artifacts();
    define_exec();
    define_doctor();
    define_install();
    define_secrets();
    define_edge();
    define_version();
    define_help();
    define_generators();
  }

  CLI::App* verb(const char* name, const char* description, std::function<int()> run) {
    auto* app = program.add_subcommand(name, description);
    app->final_callback([this, run = std::move(run)] { chosen = run; });
    return app;
  }
  static void add_state(CLI::App* app, std::string& into) {
    app->add_option("--state", into,
                    "The state folder (default: $FAIRLEAD_STATE, or .fairlead beside the "
                    "fairlead.toml)")
        ->type_name("DIR");
  }
  static void add_json(CLI::App* app, bool& into) { app->add_flag("--json", into, "Print JSON"); }

  void define_up() {
    auto* app = verb("up", "Build and run the app of a folder, with the edge in front",
                     [this] { return run_up(up); });
    app->add_option("app", up.app, "The folder of the fairlead.toml, or the file (default: .)")
        ->type_name("DIR");
    app->add_option("-e,--env", up.environment, "The environment (default: dev)")
        ->type_name("NAME");
    add_state(app, up.state);
  }
  void define_check() {
    auto* app = verb("check", "Say everything that is wrong in a fairlead.toml",
                     [this] { return run_check(check); });
    app->add_option("app", check.app, "The file, or its folder (default: .)")->type_name("FILE");
    app->add_option("-e,--env", check.environment, "Only this environment")->type_name("NAME");
    add_json(app, check.json);
  }
  void define_status() {
    auto* app = verb("status", "Show what runs: addresses, replicas, edge, store",
                     [this] { return run_status(status); });
    app->add_option("app", status.app, "The folder of the fairlead.toml")->type_name("DIR");
    add_state(app, status.state);
    add_json(app, status.json);
  }
  void define_ps() {
    auto* app = verb("ps", "List the processes: state, pid, memory, restarts",
                     [this] { return run_ps(status); });
    app->add_option("app", status.app, "The folder of the fairlead.toml")->type_name("DIR");
    add_state(app, status.state);
  }
  void define_logs() {
    auto* app = verb("logs", "Show and search what replicas, edge and control wrote",
                     [this] { return run_logs(logs); });
    app->add_option("replica", logs.replicas, "Replicas (web.1) or process types (web); all")
        ->type_name("NAME")
        ->expected(0, -1);
    app->add_flag("-f,--follow", logs.follow, "Go on with what comes");
    app->add_option("-a,--app", logs.app, "Of this app")->type_name("NAME");
    app->add_option("-e,--env", logs.environment, "Of this environment")->type_name("NAME");
    app->add_option("-r,--replica", logs.replicas, "The same as naming it")->type_name("NAME");
    app->add_option("--release", logs.release, "Of this release")->type_name("vN");
    app->add_option("--source", logs.source, "From there alone")
        ->type_name("SOURCE")
        ->check(CLI::IsMember({"app", "edge", "control", "service"}));
    app->add_option("-g,--grep", logs.grep, "With these words; \"several words\" as they stand")
        ->type_name("WORDS");
    app->add_option("--level", logs.level, "At least as bad as that")
        ->type_name("LEVEL")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    app->add_option("--status", logs.status, "Of requests with this answer: 404, 5xx")
        ->type_name("STATUS");
    app->add_option("--request", logs.request, "Of the request with this ID")->type_name("ID");
    app->add_option("--since", logs.since, "From then on: 90s, 10m, 2h, 1d ago, or a UTC time")
        ->type_name("TIME");
    app->add_option("--until", logs.until, "Up to then")->type_name("TIME");
    app->add_option("-n,--lines", logs.lines, "At most so many (default: 200; 0: all)")
        ->type_name("N");
    add_state(app, logs.state);
    add_json(app, logs.json);
  }
  void define_metrics() {
    auto* app = verb("metrics", "List the metrics that are kept, or show one over time",
                     [this] { return run_metrics(metrics); });
    app->add_option("name", metrics.name, "The metric; without it, all are listed")
        ->type_name("NAME");
    app->add_option("-l,--label", metrics.labels, "Only series with this label")
        ->type_name("LABEL=VALUE");
    app->add_option("--by", metrics.by, "One line for each value of this label")
        ->type_name("LABEL");
    app->add_option("--reduce", metrics.reduce, "What a series' values in a step become")
        ->type_name("HOW")
        ->check(CLI::IsMember({"rate", "increase", "mean", "min", "max", "last"}));
    app->add_option("--across", metrics.across, "What the series of a group become")
        ->type_name("HOW")
        ->check(CLI::IsMember({"sum", "mean", "min", "max"}));
    app->add_option("--quantile", metrics.quantile, "Of a histogram: 0.99")->type_name("Q");
    app->add_option("--since", metrics.since, "From then on: 10m, 2h, 1d ago (default: 1h)")
        ->type_name("TIME");
    app->add_option("--step", metrics.step, "One value for each: 1m, 1h (default: 10s)")
        ->type_name("TIME");
    add_state(app, metrics.state);
    add_json(app, metrics.json);
  }
  void define_alerts() {
    auto* app = verb("alerts", "Show what alerts; silence alerts, or test who is told",
                     [this] { return run_alerts(alerts); });
    app->add_option("action", alerts.action, "What to do (default: list)")
        ->type_name("ACTION")
        ->check(CLI::IsMember({"list", "silence", "unsilence", "test"}));
    app->add_option("subject", alerts.subject, "Which rule to silence; which silence to end")
        ->type_name("RULE");
    app->add_option("-l,--label", alerts.labels, "Silence only alerts with this label")
        ->type_name("LABEL=VALUE");
    app->add_option("--for", alerts.length, "How long to be silent (default: 2h)")
        ->type_name("TIME");
    app->add_option("--comment", alerts.comment, "Why")->type_name("TEXT");
    add_state(app, alerts.state);
    add_json(app, alerts.json);
  }
  void define_explain() {
    auto* app = verb("explain", "Tell what happened around a request, or the last incident",
                     [this] { return run_explain(explain); });
    app->add_option("subject", explain.subject,
                    "A request's ID (X-Request-ID), or last-incident (default)")
        ->type_name("REQUEST_ID");
    add_state(app, explain.state);
    add_json(app, explain.json);
  }
  void define_top() {
    auto* app =
        verb("top", "Watch apps, replicas and the machine live", [this] { return run_top(top); });
    app->add_flag("--once", top.once, "Print it once and end");
    add_state(app, top.state);
  }
  void define_cache() {
    auto* app = verb("cache",
                     "Purge what the edge has cached, count it, explain a URL, print the PURGE_URL",
                     [this] { return run_cache(cache); });
    app->add_option("action", cache.action, "What to do")
        ->type_name("ACTION")
        ->required()
        ->check(CLI::IsMember({"purge", "stats", "inspect", "url"}));
    app->add_option("url", cache.url, "The URL, as clients ask for it")->type_name("URL");
    app->add_option("--prefix", cache.prefix, "Purge all URLs that begin so")->type_name("URL");
    app->add_option("--tag", cache.tag, "Purge what the origin tagged so (Surrogate-Key)")
        ->type_name("TAG");
    app->add_option("--environment", cache.environment, "Purge an environment (APP/NAME)")
        ->type_name("NAME");
    app->add_flag("--all", cache.all, "Purge everything");
    app->add_flag("--soft", cache.soft, "Make stale, to be served while the origin is asked");
    app->add_option("--app", cache.app, "The folder of the fairlead.toml")->type_name("DIR");
    add_state(app, cache.state);
    add_json(app, cache.json);
  }
  void define_bans() {
    auto* app = verb("bans", "List who is kept out; keep out or let in by hand",
                     [this] { return run_bans(bans); });
    app->add_option("action", bans.action, "What to do")
        ->type_name("ACTION")
        ->required()
        ->check(CLI::IsMember({"list", "add", "lift"}));
    app->add_option("client", bans.client, "An IP address; of IPv6 its /64 counts")
        ->type_name("ADDRESS");
    app->add_option("--for", bans.length, "How long (default: 1h)")->type_name("DURATION");
    app->add_option("--reason", bans.reason, "Shown in the list")->type_name("TEXT");
    app->add_option("--app", bans.app, "The folder of the fairlead.toml")->type_name("DIR");
    add_state(app, bans.state);
    add_json(app, bans.json);
  }
  void define_harden() {
    auto* app = verb("harden", "Close a machine: firewall, SSH keys only, users, updates, kernel",
                     [this] { return run_harden(harden); });
    app->add_option("action", harden.action, "What to do")
        ->type_name("ACTION")
        ->required()
        ->check(CLI::IsMember({"plan", "apply", "confirm", "undo"}));
    app->add_option("--users", harden.users, "Who may log in: a line 'NAME SSH-KEY' each")
        ->type_name("FILE");
    app->add_option("--port", harden.ports, "Open beside SSH (default: 80 443)")
        ->type_name("PORT")
        ->expected(1, -1);
    app->add_option("--only", harden.only, "Only these parts")
        ->type_name("PART")
        ->expected(1, -1)
        ->check(CLI::IsMember({"firewall", "ssh", "users", "updates", "kernel"}));
    app->add_option("--within", harden.within, "Undo unless confirmed by then (default: 2m)")
        ->type_name("DURATION");
    app->add_flag("--stay", harden.stay, "Without having to be confirmed");
    app->add_option("--root", harden.root, "The system to change (default: /)")->type_name("DIR");
  }
  void define_cert() {
    auto* app = verb("cert", "List, check or renew the certificates that the edge shows",
                     [this] { return run_cert(cert); });
    app->add_option("action", cert.action, "What to do")
        ->type_name("ACTION")
        ->required()
        ->check(CLI::IsMember({"list", "check", "renew"}));
    app->add_option("host", cert.host, "Only this host")->type_name("HOST");
    app->add_option("--app", cert.app, "The folder of the fairlead.toml")->type_name("DIR");
    add_state(app, cert.state);
    add_json(app, cert.json);
  }
  void define_render() {
    auto* app = verb("render", "Write the app for another engine, with a report of what differs",
                     [this] { return run_render(render); });
    app->add_option("target", render.target, "The engine")
        ->type_name("TARGET")
        ->required()
        ->check(CLI::IsMember(target_names()));
    app->add_option("app", render.app, "The folder of the fairlead.toml, or the file (default: .)")
        ->type_name("DIR");
    app->add_option("-e,--env", render.environment,
                    "The environment (default: production; all, for targets that hold several)")
        ->type_name("NAME");
    app->add_option("-o,--out", render.out, "Write the files there instead of to stdout")
        ->type_name("DIR");
    app->add_option("--image", render.image, "The container image (default: NAME:VERSION)")
        ->type_name("IMAGE");
    app->add_option("--edge-image", render.edge_image,
                    "The image of the edge in front (default: fairlead-edge:latest)")
        ->type_name("IMAGE");
    app->add_option("--deploy-to", render.deploy_to, "Where pipelines deploy (default: swarm)")
        ->type_name("ENGINE")
        ->check(CLI::IsMember({"swarm", "kubernetes", "ecs"}));
    app->add_option("--http-port", render.http_port, "Where users reach it (default: 8080)")
        ->type_name("PORT")
        ->check(CLI::Range(1, 65535));
    app->add_flag("--console", render.console, "Add a database console, where the engine can");
    app->add_flag("--check", render.check, "Have the engine's own programs look at the files");
    add_json(app, render.json);
  }
  void define_import() {
    auto* app = verb("import", "Write a fairlead.toml from a Compose file or a Procfile",
                     [this] { return run_import(import_options); });
    app->add_option("kind", import_options.kind, "What there is")
        ->type_name("KIND")
        ->required()
        ->check(CLI::IsMember({"compose", "procfile"}));
    app->add_option("file", import_options.file, "The file (default: the usual one, here)")
        ->type_name("FILE");
    app->add_option("-o,--out", import_options.out,
                    "Write it there; - for stdout (default: fairlead.toml)")
        ->type_name("FILE");
  }
  void define_image() {
    auto* app = verb("image", "Make an image of the app, and send it to a registry, without Docker",
                     [this] { return run_image(image); });
    app->add_option("action", image.action, "What to do")
        ->type_name("ACTION")
        ->required()
        ->check(CLI::IsMember({"build", "export", "push", "copy"}));
    app->add_option("words", image.words,
                    "export: a name and a file; push: a name; copy: an archive or a name, a name")
        ->type_name("NAME")
        ->expected(0, 2);
    app->add_option("--app", image.app, "The folder of the fairlead.toml, or the file (default: .)")
        ->type_name("DIR");
    app->add_option("-e,--env", image.environment, "The environment (default: production)")
        ->type_name("NAME");
    app->add_option("--build-number", image.build, "The build's number (default: one more)")
        ->type_name("N");
    app->add_flag("--no-build", image.no_build, "Take what is there: the build command has run");
    app->add_flag("--edge", image.edge, "The image of 'fairlead edge' instead of an app's");
    app->add_option("--image", image.image, "This image (default: the newest of the app)")
        ->type_name("DIGEST");
    app->add_option("--state", image.state,
                    "Where images are kept (default: .fairlead beside the fairlead.toml)")
        ->type_name("DIR");
    add_json(app, image.json);
  }
  void define_serve() {
    auto* app = verb("serve", "Run control for many apps: edge, deployments, API",
                     [this] { return run_serve(serve); });
    add_serve_state(app, serve.state);
  }
  static void add_serve_state(CLI::App* app, std::string& into) {
    app->add_option("--state", into,
                    "The state folder of 'fairlead serve' (default: "
                    "$FAIRLEAD_STATE, or /var/lib/fairlead)")
        ->type_name("DIR");
  }
  void add_environment(CLI::App* app, control::EnvironmentName& into) {
    app->add_option("-a,--app", into.app, "The app (default: the only one)")->type_name("NAME");
    app->add_option("-e,--env", into.environment, "The environment (default: production)")
        ->type_name("NAME");
  }
  CLI::App* order(const char* name, const char* description, control::OrderKind kind) {
    auto* app = verb(name, description, [this, kind] {
      ship.order.kind = kind;
      return run_order(ship);
    });
    add_serve_state(app, ship.state);
    add_json(app, ship.json);
    return app;
  }
  // The same verb, to an engine that exists instead of a 'fairlead serve'.
  void define_deploy_to(CLI::App* deploy) {
    deploy->add_option("--to", deploy_to.engine, "To this engine, by its own client")
        ->type_name("ENGINE")
        ->check(CLI::IsMember({"swarm", "kubernetes", "ecs"}));
    deploy->add_option("--image", deploy_to.image, "With --to: this image, which was pushed before")
        ->type_name("IMAGE");
    deploy->add_option("--registry", deploy_to.registry, "With --to: where images are pushed to")
        ->type_name("NAME");
    deploy->add_option("--edge-image", deploy_to.edge_image, "With --to: the edge's image")
        ->type_name("IMAGE");
    deploy->add_option("--stack", deploy_to.stack, "With --to ecs: the folder of the Terraform")
        ->type_name("DIR");
    deploy->add_option("--http-port", deploy_to.http_port, "With --to swarm: where users reach it")
        ->type_name("PORT")
        ->check(CLI::Range(1, 65535));
    deploy->add_flag("--no-build", deploy_to.no_build, "With --to: the build command has run");
    deploy->add_flag("--rollback", deploy_to.rollback, "With --to: back to what ran before");
    deploy->final_callback([this] {
      chosen = [this] {
        if (deploy_to.engine.empty()) {
          ship.order.kind = control::OrderKind::kDeploy;
          return run_order(ship);
        }
        deploy_to.folder = ship.folder;
        deploy_to.environment = ship.order.environment.environment;
        deploy_to.json = ship.json;
        return run_deploy_to(deploy_to);
      };
    });
  }
  void define_orders() {
    ship.order.environment.environment = "production";
    auto* deploy =
        order("deploy", "Build the app of a folder and make it live", control::OrderKind::kDeploy);
    deploy->add_option("folder", ship.folder, "The folder of the fairlead.toml (default: .)")
        ->type_name("DIR");
    deploy
        ->add_option("-e,--env", ship.order.environment.environment,
                     "The environment (default: production)")
        ->type_name("NAME");
    deploy->add_option("--artifact", ship.order.artifact, "This artifact, instead of building")
        ->type_name("DIGEST");
    deploy->add_flag("--blue-green", ship.order.blue_green,
                     "All new replicas first, then one switch");
    deploy
        ->add_option(
            "--canary", ship.order.canary,
            "All new replicas first, then these shares of the requests, each watched: 10,50")
        ->type_name("PERCENT")
        ->delimiter(',')
        ->check(CLI::Range(1, 99));
    deploy
        ->add_option("--watch", ship.watch,
                     "Hold the new release against the old one for so long; worse goes back")
        ->type_name("DURATION");
    auto* plan = order("plan", "Say what a deployment would change; exit status 2 if anything",
                       control::OrderKind::kPlan);
    plan->add_option("folder", ship.folder, "The folder of the fairlead.toml (default: .)")
        ->type_name("DIR");
    plan->add_option("-e,--env", ship.order.environment.environment,
                     "The environment (default: production)")
        ->type_name("NAME");
    define_deploy_to(deploy);
    auto* rollback =
        order("rollback", "Make an earlier release live again", control::OrderKind::kRollback);
    rollback->add_option("release", ship.release, "The release (default: the one before)")
        ->type_name("vN");
    rollback->add_flag("--down", ship.order.down,
                       "Undo the migrations in between, by the release's down_command");
    add_environment(rollback, ship.order.environment);
    auto* scale = order("scale", "Change how many replicas run", control::OrderKind::kScale);
    scale->add_option("replicas", ship.scale, "Process types and their counts: web=5")
        ->type_name("TYPE=N")
        ->expected(1, -1)
        ->required();
    add_environment(scale, ship.order.environment);
    add_environment(order("restart", "Replace all replicas by new ones, one after the other",
                          control::OrderKind::kRestart),
                    ship.order.environment);
  }
  // What becomes of an environment's requests without a deployment.
  void define_modes() {
    add_environment(order("stop", "Stop all replicas of an environment; requests get 503",
                          control::OrderKind::kStop),
                    ship.order.environment);
    auto* maintenance = order("maintenance", "Answer all requests with 503, or serve them again",
                              control::OrderKind::kMaintenance);
    maintenance->add_option("switch", on_or_off, "on or off")
        ->type_name("SWITCH")
        ->required()
        ->check(CLI::IsMember({"on", "off"}));
    maintenance->final_callback([this] {
      ship.order.on = on_or_off == "on";
      chosen = [this] {
        ship.order.kind = control::OrderKind::kMaintenance;
        return run_order(ship);
      };
    });
    add_environment(maintenance, ship.order.environment);
    add_environment(order("pause", "Let requests wait in the edge, up to a minute each",
                          control::OrderKind::kPause),
                    ship.order.environment);
    add_environment(
        order("resume", "Let the requests that wait go on", control::OrderKind::kResume),
        ship.order.environment);
  }
  void define_artifacts() {
    auto* app =
        verb("artifacts", "List artifacts and what needs them, or remove what nothing needs",
             [this] { return run_artifacts(artifacts); });
    app->add_option("action", artifacts.action, "What to do (default: list)")
        ->type_name("ACTION")
        ->check(CLI::IsMember({"list", "clean"}));
    app->add_option("--keep", artifacts.keep,
                    "clean: releases to keep beside the live one, to roll back to (default: 0)")
        ->type_name("N");
    add_serve_state(app, artifacts.state);
    add_json(app, artifacts.json);
  }
  void define_exec() {
    exec.environment.environment = "production";
    auto* app = verb("exec", "Run a command beside the live release's replicas, as they run",
                     [this] { return run_exec(exec); });
    add_environment(app, exec.environment);
    add_serve_state(app, exec.state);
    app->add_option("command", exec.command, "The command, after --")
        ->type_name("COMMAND")
        ->required()
        ->expected(1, -1);
  }
  void define_install() {
    auto* app = verb("install", "Run control as a service of systemd, from now on and after boots",
                     [this] { return run_install(install); });
    app->add_flag("--print", install.print, "Print the unit, and write nothing");
    auto* off =
        verb("uninstall", "Stop all that control runs, and take the service away; state stays",
             [this] { return run_uninstall(install); });
    for (auto* each : {app, off}) {
      each->add_option("--root", install.root, "Write the unit below this folder (default: /)")
          ->type_name("DIR");
      each->add_option("--state", install.state, "The state folder (default: /var/lib/fairlead)")
          ->type_name("DIR");
    }
  }
  void define_doctor() {
    auto* app = verb("doctor", "Check everything that a running Fairlead stands on",
                     [this] { return run_doctor(doctor); });
    add_serve_state(app, doctor.state);
    add_json(app, doctor.json);
  }
  void define_history() {
    static constexpr std::pair<const char*, const char*> kKinds[] = {
        {"releases", "List the releases of an environment"},
        {"deployments", "List what was made live, when, and what became of it"},
        {"builds", "List the builds of an app"},
        {"audit", "List who did what"}};
    for (const auto& [kind, description] : kKinds) {
      auto* app = verb(kind, description, [this, kind] { return run_history(kind, ship); });
      add_environment(app, ship.order.environment);
      add_serve_state(app, ship.state);
      add_json(app, ship.json);
    }
  }
  void define_secrets() {
    secrets.environment.environment = "production";
    auto* app =
        verb("secrets", "Set, unset, list or import secrets; rotate the key they are sealed with",
             [this] { return run_secrets(secrets); });
    app->add_option("action", secrets.action,
                    "What to do; values are asked for, or read from stdin")
        ->type_name("ACTION")
        ->required()
        ->check(CLI::IsMember({"set", "unset", "list", "import", "rotate"}));
    app->add_option("names", secrets.names, "Names of environment variables")
        ->type_name("NAME")
        ->expected(0, -1);
    add_environment(app, secrets.environment);
    add_serve_state(app, secrets.state);
    add_json(app, secrets.json);
  }
  void define_edge() {
    auto* app = verb("edge", "Run the edge alone, from the snapshot in its folder",
                     [this] { return edge::run_edge(edge); });
    app->add_option("--state", edge.state, "The edge's folder: snapshot.json, edge.sock")
        ->type_name("DIR")
        ->required();
    app->add_option(
           "--follow", edge.follow,
           "A file with a snapshot and the DNS names of its replicas, instead of a control")
        ->type_name("FILE");
  }
  void define_version() {
    auto* app = verb("version", "Print the version", [this] { return run_version(json); });
    add_json(app, json);
  }
  void define_help() {
    auto* app = verb("help", "Explain a verb", [this] { return help(); });
    app->add_option("verb", topic, "The verb")->type_name("VERB");
  }
  void define_generators() {
    auto* app = verb("completion", "Print the completion script of a shell",
                     [this] { return print_completion(shell); });
    app->add_option("shell", shell, "The shell")
        ->type_name("SHELL")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    app =
        verb("man", "Print the man page, as roff", [this] { return print_man_page(as_markdown); });
    app->add_flag("--markdown", as_markdown, "As Markdown: docs/cli.md");
  }

  int help() {
    for (const auto* app : program.get_subcommands(nullptr))
      if (topic.empty() || app->get_name() == topic) {
        fmt::print("{}", help_of(topic));
        return 0;
      }
    return unknown(topic);
  }

  // Suggests what was probably meant: a verb, or an option of the verb that was given.
  int unknown(std::string_view word) {
    std::vector<std::string> names;
    for (const auto* app : program.get_subcommands(nullptr)) {
      names.push_back(app->get_name());
      if (!app->parsed()) continue;
      for (const auto* option : app->get_options())
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    const auto meant = nearest(word, candidates);
    const bool option = word.starts_with('-');
    print_error(
        Error(Code::kInvalid, fmt::format("unknown {} '{}'", option ? "option" : "verb", word))
            .hint(!meant   ? "fairlead help"
                  : option ? std::string(*meant)
                           : fmt::format("fairlead {}", *meant)));
    return 2;
  }
};

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

OptionText describe(const CLI::Option& option) {
  OptionText text;
  text.names = names_of(option);
  if (option.get_expected_max() > 0) text.value = option.get_type_name();
  text.description = option.get_description();
  text.repeated = option.get_expected_max() > 1;
  // "NAME:{bash,fish,zsh}": CLI11 keeps what IsMember() allows in the type's name.
  if (const auto brace = text.value.find(":{"); brace != std::string::npos) {
    const auto list = std::string_view(text.value).substr(brace + 2);
    for (const auto choice : split(list.substr(0, list.size() - 1), ','))
      text.choices.emplace_back(choice);
    text.value.resize(brace);
  }
  return text;
}

}  // namespace

ProgramText describe_program() {
  const Definitions definitions;
  ProgramText program{.description = definitions.program.get_description(), .verbs = {}};
  for (const auto* app : definitions.program.get_subcommands(nullptr)) {
    VerbText verb{.name = app->get_name(), .description = app->get_description()};
    for (const auto* option : app->get_options()) {
      auto text = describe(*option);
      (text.names.empty() ? verb.positionals : verb.options).push_back(std::move(text));
    }
    program.verbs.push_back(std::move(verb));
  }
  return program;
}

int run_command_line(int argc, char** argv) {
  Definitions definitions;
  try {
    definitions.program.parse(argc, argv);
  } catch (const CLI::Success& done) {  // --help, --version
    return definitions.program.exit(done);
  } catch (const CLI::ExtrasError&) {
    const auto extras = definitions.program.remaining(true);
    return definitions.unknown(extras.empty() ? "" : extras[0]);
  } catch (const CLI::ParseError& error) {
    print_error(Error(Code::kInvalid, error.what()).hint("fairlead help"));
    return 2;
  }
  if (!definitions.chosen) {
    fmt::print("{}", definitions.program.help());
    return 0;
  }
  return definitions.chosen();
}

}  // namespace fairlead::cli
