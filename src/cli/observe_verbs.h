// The verbs that look at logs, metrics and alerts. Each gives the exit status.
#pragma once

#include <string>
#include <vector>

namespace fairlead::cli {

struct LogsOptions {
  std::vector<std::string> replicas;
  std::string app, environment, release, source;
  std::string grep, level, status, request;
  std::string state;
  std::string since, until;  // "10m", or a time of RFC 3339; "" for no limit
  unsigned lines = 200;
  bool follow = false;
  bool json = false;
};
// From the control that runs; from the store's files where none does.
int run_logs(const LogsOptions& options);

struct MetricsOptions {
  std::string name;                 // "": lists the names
  std::vector<std::string> labels;  // "app=shop"
  std::vector<std::string> by;
  std::string reduce, across;
  double quantile = 0;  // 0: none
  std::string since = "1h", step;
  std::string state;
  bool json = false;
};
int run_metrics(const MetricsOptions& options);

struct AlertsOptions {
  std::string action = "list";  // "list", "silence", "unsilence" or "test"
  std::string subject;          // silence: a rule, "" for any; unsilence: an id
  std::vector<std::string> labels;
  std::string length = "2h";
  std::string comment;
  std::string state;
  bool json = false;
};
int run_alerts(const AlertsOptions& options);

struct ExplainOptions {
  std::string subject = "last-incident";  // or a request's ID
  std::string state;
  bool json = false;
};
int run_explain(const ExplainOptions& options);

}  // namespace fairlead::cli
