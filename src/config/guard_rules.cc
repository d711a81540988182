#include "config/guard_rules.h"

#include <algorithm>

namespace fairlead::config {

namespace {

// Where people log in, by the names that frameworks give it.
const std::vector<std::string> kLoginPaths = {"/login*",   "/signin*",    "/sign-in*", "/auth*",
                                              "/session*", "/api/login*", "/admin*",   "/account*"};
// What nobody asks for who did not come to look for holes.
const std::vector<std::string> kScannerPaths = {
    "/.env*",         "/.git/*",       "/.aws/*",           "/.ssh/*",
    "/.svn/*",        "/wp-login.php", "/wp-admin/*",       "/xmlrpc.php",
    "/phpmyadmin*",   "/cgi-bin/*",    "/vendor/phpunit/*", "/actuator/*",
    "/server-status", "/boaform/*",    "/HNAP1*",           "/solr/*",
    "/owa/*"};

std::vector<BanSpec> standard_rules() {
  std::vector<BanSpec> rules(2);
  rules[0].name = "login";
  rules[0].paths = kLoginPaths;
  rules[0].statuses = {401, 403, 404};
  rules[0].after = 10;
  rules[1].name = "scanner";
  rules[1].paths = kScannerPaths;
  rules[1].statuses = {400, 401, 403, 404, 405};
  rules[1].after = 5;
  return rules;
}

}  // namespace

std::vector<BanSpec> ban_rules(const GuardSpec& guard) {
  std::vector<BanSpec> rules = guard.bans;
  if (!guard.standard) return rules;
  for (BanSpec& rule : standard_rules())
    if (std::ranges::find(guard.bans, rule.name, &BanSpec::name) == guard.bans.end())
      rules.push_back(std::move(rule));
  return rules;
}

BanSpec broken_rule() {
  BanSpec rule;
  rule.name = "broken";
  rule.after = 20;
  return rule;
}

}  // namespace fairlead::config
