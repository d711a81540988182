import { type Environment, type Process, RANGES, type Range, type Series, type Status, get, metrics, send } from "../api";
import { Chart, type ChartData } from "../charts";
import { type Child, h, link, part } from "../dom";
import { ago, bytes, count, percent, seconds } from "../format";
import type { Page } from "../main";
import { action, appPath, empty, healthOf, pill, ranges, releaseOf, section, stateTone, table } from "../parts";

const CLASSES: [string, number][] = [
  ["2xx", 0],
  ["3xx", 3],
  ["4xx", 1],
  ["5xx", 2],
];

export function tabs(app: string, environment: string, present: string): HTMLElement {
  const tab = (text: string, page: string) => link(appPath(app, environment, page), { "aria-current": page === present ? "page" : undefined }, text);
  return h(
    "nav",
    { class: "tabs", "aria-label": `Pages of ${app}` },
    tab("Overview", ""),
    tab("Releases", "releases"),
    link(`/logs?app=${encodeURIComponent(app)}&environment=${encodeURIComponent(environment)}`, {}, "Logs"),
  );
}

function memory(process: Process): Child {
  if (!process.memory) return "–";
  if (!process.memory_limit) return bytes(process.memory);
  const share = process.memory / process.memory_limit;
  return [
    h("meter", { min: 0, max: 1, high: 0.9, value: share.toFixed(3), "aria-label": `${percent(share)} of the memory limit` }),
    ` ${bytes(process.memory)} of ${bytes(process.memory_limit)}`,
  ];
}

function replicas(environment: Environment): Child[] {
  if (!environment.processes.length) return [empty("No replica runs.")];
  return [
    table(
      "Replicas",
      ["Replica", "State", "Memory", "Restarts", "Since", "Address"],
      environment.processes.map((p) => [
        [h("b", {}, p.name)],
        [pill(stateTone(p.state), p.state), p.state !== "ready" && p.failure ? h("p", { class: "note" }, p.failure.cause) : null],
        memory(p),
        p.restarts,
        ago(p.since),
        h("code", {}, p.address || "–"),
      ]),
    ),
  ];
}

function toChart(series: Series, name: (labels: Record<string, string>) => string): ChartData {
  return { from: series.from, step: series.step, lines: series.groups.map((g) => ({ name: name(g.labels), values: g.values })) };
}

export const appPage: Page = {
  title: ([app]) => `${app}`,
  every: 5000,
  build({ signal, root, words, refresh }) {
    const [app, environment] = words as [string, string];
    const labels = { app, environment };
    let range: Range = RANGES[1]!;
    const head = h("div", { class: "row wrap" });
    const facts = h("div", { class: "facts" });
    const rows = h("div", {});
    const rate = new Chart("Requests", (n) => `${count(n)} /s`, signal);
    const time = new Chart("Duration", seconds, signal);
    const cpu = new Chart("Processor, of a core", percent, signal);
    const used = new Chart("Memory", bytes, signal);
    root.append(
      head,
      tabs(app, environment, ""),
      facts,
      h("div", { class: "row wrap spread" }, h("h2", {}, "Traffic and load"), ranges(range, (r) => ((range = r), refresh()))),
      h("div", { class: "charts" }, rate.element, time.element, cpu.element, used.element),
      section("Replicas", rows),
    );
    const drawHead = part<Environment>(head, (e) => {
      const health = healthOf(e);
      return [h("h1", {}, app), h("span", { class: "tag" }, environment), pill(health.tone, health.text)];
    });
    const drawFacts = part<Environment>(facts, (e) => [
      h("p", {}, "Version ", h("b", {}, e.version), releaseOf(e) && ` · release ${releaseOf(e)}`, e.store && [" · store ", h("code", {}, e.store)]),
      e.urls.length ? h("p", {}, ...e.urls.flatMap((url) => [h("a", { href: url, rel: "noreferrer" }, url), " "])) : null,
      action("Restart", `Replace all replicas of ${app}/${environment}, one after the other?`, () => send("POST", "/v1/orders", { kind: "restart", app, environment }).then((r) => r.text()), refresh),
    ]);
    const drawRows = part<Environment>(rows, replicas);
    return async () => {
      const charts = async () => {
        const duration = (quantile: number) => metrics({ name: "fairlead_edge_request_duration_seconds", labels, quantile }, range, signal);
        const [byClass, p50, p90, p99, cores, resident] = await Promise.all([
          metrics({ name: "fairlead_edge_requests", labels, reduce: "rate", by: ["class"] }, range, signal),
          duration(0.5),
          duration(0.9),
          duration(0.99),
          metrics({ name: "fairlead_process_cpu_seconds", labels, reduce: "rate", by: ["replica"] }, range, signal),
          metrics({ name: "fairlead_process_memory_bytes", labels, reduce: "max", across: "max", by: ["replica"] }, range, signal),
        ]);
        rate.show({
          from: byClass.from,
          step: byClass.step,
          lines: CLASSES.flatMap(([name, colour]) => {
            const group = byClass.groups.find((g) => g.labels["class"] === name);
            const any = group?.values.some((v) => v);
            return group && (any || name === "2xx") ? [{ name, colour, values: group.values, fill: name === "2xx" }] : [];
          }),
        });
        time.show({
          from: p50.from,
          step: p50.step,
          lines: [
            { name: "p50", values: p50.groups[0]?.values ?? [], colour: 0 },
            { name: "p90", values: p90.groups[0]?.values ?? [], colour: 4 },
            { name: "p99", values: p99.groups[0]?.values ?? [], colour: 1 },
          ],
        });
        cpu.show(toChart(cores, (l) => l["replica"] ?? ""));
        used.show(toChart(resident, (l) => l["replica"] ?? ""));
      };
      const status = await get<Status>("/v1/status", signal);
      const found = status.environments.find((e) => e.app === app && e.environment === environment);
      if (!found) {
        root.replaceChildren(empty(`There is no ${app}/${environment}.`));
        return;
      }
      drawHead(found);
      drawFacts(found);
      drawRows(found);
      await charts();
    };
  },
};
