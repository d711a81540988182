import { type Alerts, get, send } from "../api";
import { h, part } from "../dom";
import { ago, clock } from "../format";
import type { Page } from "../main";
import { action, empty, pill, section, table } from "../parts";

const RUNBOOK = "docs/guides/alerts.md";

export const alertsPage: Page = {
  title: () => "Alerts",
  every: 5000,
  build({ signal, root, refresh }) {
    const present = h("div", {});
    const quiet = h("div", {});
    const rules = h("div", {});
    root.append(h("div", { class: "row wrap spread" }, h("h1", {}, "Alerts"), h("div", {}, action("Send a test", "", () => send("POST", "/v1/alerts/test"), refresh))), present, section("Silences", quiet), section("What is watched", rules));
    const drawPresent = part<Alerts["alerts"]>(present, (alerts) =>
      alerts.length
        ? [
            table(
              "Alerts",
              ["Alert", "State", "About", "What", "Since", ""],
              alerts.map((a) => [
                h("b", {}, a.rule),
                pill(a.state === "pending" ? "calm" : a.severity === "critical" ? "bad" : "warn", a.silenced ? `${a.state}, silenced` : a.state),
                Object.values(a.labels).join("/"),
                a.summary,
                ago(a.since),
                a.silenced
                  ? null
                  : action("Silence for 2 h", `Tell nobody of ${a.rule} for two hours?`, () => send("POST", "/v1/alerts/silences", { rule: a.rule, labels: a.labels, seconds: 7200, comment: "from the dashboard" }), refresh),
              ]),
            ),
          ]
        : [empty("No alert is firing or pending.")],
    );
    const drawQuiet = part<Alerts["silences"]>(quiet, (silences) =>
      silences.length
        ? [
            table(
              "Silences",
              ["Rule", "About", "Until", "Why", ""],
              silences.map((s) => [s.rule || "any", Object.values(s.labels).join("/") || "everything", clock(s.until), s.comment, action("End", "", () => send("DELETE", `/v1/alerts/silences/${s.id}`), refresh)]),
            ),
          ]
        : [empty("Nothing is silenced.")],
    );
    const drawRules = part<Alerts>(rules, ({ rules: all, targets, waiting }) => {
      const names = [...new Set(all.map((r) => `${r.name}\n${r.severity}`))].sort().map((text) => text.split("\n") as [string, string]);
      return [
        h("p", { class: "note" }, targets ? `Notices go to ${targets} target${targets > 1 ? "s" : ""}${waiting ? `, ${waiting} wait to be delivered` : ""}.` : "Nobody is told: set webhook, slack or email under [alerts] in fairlead.toml."),
        h("ul", { class: "tags" }, ...names.map(([name, severity]) => h("li", { class: "tag" }, name, " ", h("span", { class: "note" }, severity)))),
        h("p", { class: "note" }, "What to do about each: ", h("code", {}, RUNBOOK)),
      ];
    });
    return async () => {
      const alerts = await get<Alerts>("/v1/alerts", signal);
      drawPresent(alerts.alerts);
      drawQuiet(alerts.silences);
      drawRules({ ...alerts, alerts: [], silences: [] });
    };
  },
};
