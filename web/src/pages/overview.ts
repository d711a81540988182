import { type Alerts, type Environment, type LogLine, RANGES, type Series, type Status, get, lastOf, metrics } from "../api";
import { spark } from "../charts";
import { h, link, part } from "../dom";
import { ago, bytes, count, percent, seconds } from "../format";
import type { Page } from "../main";
import { appPath, empty, healthOf, levelOf, pill, releaseOf, stat, summary } from "../parts";

const RANGE = RANGES[1]!;

interface Numbers {
  rate: (number | null)[];
  failed: number;
  p99: number;
}

function key(labels: Record<string, string>): string {
  return `${labels["app"]}/${labels["environment"]}`;
}

async function numbers(signal: AbortSignal): Promise<Map<string, Numbers>> {
  const by = ["app", "environment"];
  const [rate, failed, p99] = await Promise.all([
    metrics({ name: "fairlead_edge_requests", reduce: "rate", by }, RANGE, signal),
    metrics({ name: "fairlead_edge_requests", reduce: "rate", labels: { class: "5xx" }, by }, RANGE, signal),
    metrics({ name: "fairlead_edge_request_duration_seconds", quantile: 0.99, by }, RANGE, signal),
  ]);
  const group = (series: Series, name: string) => series.groups.find((g) => key(g.labels) === name)?.values ?? [];
  return new Map(
    rate.groups.map((g) => {
      const sum = (values: (number | null)[]) => values.slice(-15).reduce<number>((a, v) => a + (v ?? 0), 0);
      const name = key(g.labels);
      return [name, { rate: g.values, failed: sum(group(failed, name)) / Math.max(sum(g.values), 1e-9), p99: lastOf(group(p99, name)) }];
    }),
  );
}

function card(environment: Environment, n: Numbers | undefined): HTMLElement {
  const health = healthOf(environment);
  const rate = lastOf(n?.rate);
  const memory = environment.processes.reduce((sum, p) => sum + p.memory, 0);
  return link(
    appPath(environment.app, environment.environment),
    { class: "card app-card" },
    h("div", { class: "row" }, h("h3", {}, environment.app), pill(health.tone, health.text)),
    h("p", { class: "note" }, environment.environment, " · ", releaseOf(environment) || environment.version),
    spark(n?.rate ?? [], `Requests in the last hour, ${count(rate)} a second now`),
    h(
      "dl",
      { class: "stats small" },
      stat("requests", `${count(rate)} /s`),
      stat("failed", percent(n?.failed ?? 0)),
      stat("p99", seconds(n?.p99 ?? 0)),
      stat("memory", memory ? bytes(memory) : "–"),
    ),
  );
}

export const overview: Page = {
  title: () => "Overview",
  every: 5000,
  build({ signal, root }) {
    const head = h("div", { class: "hero" });
    const apps = h("div", { class: "cards" });
    const events = h("div", {});
    root.append(head, h("section", {}, h("h2", {}, "Apps"), apps), h("section", {}, h("h2", {}, "What happened"), events));

    const drawHead = part<{ status: Status; alerts: Alerts; rate: number }>(head, ({ status, alerts, rate }) => {
      const firing = alerts.alerts.filter((a) => a.state === "firing" && !a.silenced);
      const ill = status.environments.filter((e) => healthOf(e).tone === "bad" || healthOf(e).tone === "warn");
      const tone = firing.some((a) => a.severity === "critical") || ill.some((e) => healthOf(e).tone === "bad") ? "bad" : firing.length || ill.length ? "warn" : "good";
      const text = firing.length ? `${firing.length} alert${firing.length > 1 ? "s" : ""} firing` : ill.length ? `${ill.length} app${ill.length > 1 ? "s" : ""} not whole` : "All is well";
      return [
        h("h1", { class: `headline ${tone}` }, text),
        h("p", { class: "note" }, `${status.environments.length} environment${status.environments.length === 1 ? "" : "s"}, ${count(rate)} requests a second, up for ${ago(status.started).replace(" ago", "").replace("just now", "a moment")}`),
        ...firing.map((a) =>
          link("/alerts", { class: `banner ${a.severity === "critical" ? "bad" : "warn"}` }, h("b", {}, a.rule), ` ${Object.values(a.labels).join("/")}: ${a.summary}`),
        ),
      ];
    });
    const drawApps = part<{ environments: Environment[]; all: [string, Numbers][] }>(apps, ({ environments, all }) => {
      const byName = new Map(all);
      return environments.length ? environments.map((e) => card(e, byName.get(`${e.app}/${e.environment}`))) : [empty("Nothing is deployed yet: fairlead deploy DIR")];
    });
    const drawEvents = part<LogLine[]>(events, (lines) =>
      lines.length
        ? [
            h(
              "ul",
              { class: "card events" },
              ...lines.map((line) =>
                h("li", {}, pill(levelOf(line) === "calm" ? "good" : levelOf(line), line.app ?? "control"), h("span", {}, summary(line)), h("time", { datetime: line.time, class: "note" }, ago(line.time))),
              ),
            ),
          ]
        : [empty("No deployment, crash or alert so far.")],
    );
    return async () => {
      const [status, alerts, all, lines] = await Promise.all([
        get<Status>("/v1/status", signal),
        get<Alerts>("/v1/alerts", signal),
        numbers(signal),
        fetch("/v1/logs?source=control&tail=8", { signal }).then((answer) => answer.text()),
      ]);
      drawHead({ status, alerts, rate: [...all.values()].reduce((sum, n) => sum + lastOf(n.rate), 0) });
      drawApps({ environments: status.environments, all: [...all] });
      drawEvents(lines.split("\n").filter(Boolean).map((line) => JSON.parse(line) as LogLine).reverse());
    };
  },
};
