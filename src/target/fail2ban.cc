#include "config/guard_rules.h"
#include "config/values.h"
#include "target/lines.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

namespace {

constexpr std::string_view kFilter = R"([Definition]
# What a client can choose stands at the end of the line, behind the address.
failregex = ^\s*offence rule=<rule> client=<ADDR> status=
datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S(?:\.%%f)?%%z

[Init]
rule = \S+
)";

long whole_seconds(Duration d) { return std::max<long>(d / 1s, 1); }

}  // namespace

Result<> render_fail2ban(const config::AppSpec& app, const RenderOptions&, Rendering& rendering,
                         Report& report) {
  std::vector<config::BanSpec> rules = config::ban_rules(app.guard);
  if (app.guard.standard) rules.push_back(config::broken_rule());
  if (rules.empty())
    return fail(Error(Code::kInvalid, "the app has no rules against misbehaviour")
                    .hint("[guard] standard = true"));
  std::string jail = fmt::format("# {}\n", made_from(app, "fail2ban"));
  std::string allowed;
  for (const std::string& network : app.guard.allow) allowed += " " + network;
  for (const config::BanSpec& rule : rules) {
    jail += fmt::format(R"(
[fairlead-{0}]
enabled = true
backend = auto
filter = fairlead[rule={0}]
logpath = /var/lib/fairlead/guard.log
port = http,https
maxretry = {1}
findtime = {2}
bantime = {3}
bantime.increment = true
banaction = nftables[type=multiport]
ignoreip = 127.0.0.0/8 ::1{4}
)",
                        rule.name, rule.after, whole_seconds(rule.within),
                        whole_seconds(rule.length), allowed);
    report.carried("guard.bans." + rule.name, "a jail with the same numbers");
  }
  report.differs(
      "guard",
      "Fairlead goes on banning by itself; its log is read from /var/lib/fairlead, change "
      "logpath for another state folder");
  rendering.files.push_back({"filter.d/fairlead.conf", std::string(kFilter)});
  rendering.files.push_back({"jail.d/fairlead.conf", std::move(jail)});
  return {};
}

}  // namespace fairlead::target
