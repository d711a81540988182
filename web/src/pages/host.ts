import { RANGES, type Range, type Series, type Status, get, lastOf, metrics } from "../api";
import { Chart } from "../charts";
import { h, part } from "../dom";
import { ago, bytes, count, percent, seconds } from "../format";
import type { Page } from "../main";
import { pill, ranges, section, stat, stateTone, table } from "../parts";

export const hostPage: Page = {
  title: () => "Host and edge",
  every: 10000,
  build({ signal, root, refresh }) {
    let range: Range = RANGES[1]!;
    const facts = h("dl", { class: "stats card" });
    const cpu = new Chart("Processor", percent, signal);
    const memory = new Chart("Memory", bytes, signal);
    const connections = new Chart("Client connections", count, signal);
    const cache = new Chart("Answers of routes that cache", (n) => `${count(n)} /s`, signal);
    const certificates = h("div", {});
    const edge = h("div", {});
    const notes = h("div", {});
    root.append(
      h("h1", {}, "Host and edge"),
      facts,
      h("div", { class: "row wrap spread" }, h("h2", {}, "Over time"), ranges(range, (r) => ((range = r), refresh()))),
      h("div", { class: "charts" }, cpu.element, memory.element, connections.element, cache.element),
      section("Edge", edge),
      section("Certificates", certificates),
      notes,
    );
    const short = RANGES[0]!;
    const gauge = (name: string) => metrics({ name, reduce: "last" }, short, signal).then((s) => lastOf(s.groups[0]?.values));
    const drawFacts = part<number[]>(facts, ([processors, load, total, available, free, size, logs, samples]) => [
      stat("load", count(load!), `of ${processors} processor${processors === 1 ? "" : "s"}`),
      stat("memory free", bytes(available!), `of ${bytes(total!)}`),
      stat("disk free", bytes(free!), `of ${bytes(size!)}`),
      stat("log", bytes(logs!)),
      stat("metrics", samples ? bytes(samples) : "in memory"),
    ]);
    const drawEdge = part<Status>(edge, (status) => [
      table("The edge", ["Process", "State", "Restarts", "Since", "Listens on"], [[h("b", {}, "edge"), pill(stateTone(status.edge.state), status.edge.state), status.edge.restarts, ago(status.edge.since), status.listeners.map((l) => [h("code", {}, l), " "])]]),
    ]);
    const drawCertificates = part<Series>(certificates, (series) => [
      table(
        "Certificates",
        ["Certificate", "Ends in"],
        series.groups.map((g) => {
          const left = lastOf(g.values) - Date.now() / 1000;
          return [h("b", {}, g.labels["host"]), pill(left < 7 * 86400 ? "bad" : left < 21 * 86400 ? "warn" : "good", seconds(Math.max(left, 0)))];
        }),
      ),
    ]);
    const drawNotes = part<string[]>(notes, (all) => (all.length ? [section("Worth knowing", h("ul", { class: "card list" }, ...all.map((text) => h("li", {}, text))))] : []));
    return async () => {
      const status = await get<Status>("/v1/status", signal);
      drawEdge(status);
      drawNotes(status.notes);
      drawFacts(
        await Promise.all(
          ["fairlead_host_processors", "fairlead_host_load", "fairlead_host_memory_bytes", "fairlead_host_memory_available_bytes", "fairlead_disk_free_bytes", "fairlead_disk_size_bytes", "fairlead_log_store_bytes", "fairlead_metric_store_bytes"].map(gauge),
        ),
      );
      drawCertificates(await metrics({ name: "fairlead_certificate_end_seconds", reduce: "last", across: "min", by: ["host"] }, short, signal));
      const [modes, total, available, open, answers] = await Promise.all([
        metrics({ name: "fairlead_host_cpu_seconds", reduce: "rate", by: ["mode"] }, range, signal),
        metrics({ name: "fairlead_host_memory_bytes" }, range, signal),
        metrics({ name: "fairlead_host_memory_available_bytes" }, range, signal),
        metrics({ name: "fairlead_edge_connections", reduce: "max" }, range, signal),
        metrics({ name: "fairlead_edge_cache_answers", reduce: "rate", by: ["from"] }, range, signal),
      ]);
      const idle = ["idle", "iowait"];
      const at = (i: number, wanted: (mode: string) => boolean) => modes.groups.filter((g) => wanted(g.labels["mode"] ?? "")).reduce((sum, g) => sum + (g.values[i] ?? 0), 0);
      const busy = (modes.groups[0]?.values ?? []).map((value, i) => (value === null ? null : at(i, (m) => !idle.includes(m)) / Math.max(at(i, () => true), 1e-9)));
      cpu.show({ from: modes.from, step: modes.step, lines: [{ name: "busy", values: busy, fill: true }] });
      memory.show({
        from: total.from,
        step: total.step,
        lines: [{ name: "used", fill: true, values: (total.groups[0]?.values ?? []).map((v, i) => (v === null ? null : v - (available.groups[0]?.values[i] ?? 0))) }],
      });
      connections.show({ from: open.from, step: open.step, lines: [{ name: "open", values: open.groups[0]?.values ?? [], fill: true }] });
      cache.show({ from: answers.from, step: answers.step, lines: answers.groups.filter((g) => g.values.some((v) => v)).map((g) => ({ name: g.labels["from"] ?? "", values: g.values })) });
    };
  },
};
