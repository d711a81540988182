// Pieces that several pages show.
import { type Environment, type LogLine, type Process, RANGES, type Range, session } from "./api";
import { type Child, h, link } from "./dom";
import { clock } from "./format";

export type Tone = "good" | "warn" | "bad" | "calm";

export function pill(tone: Tone, text: string): HTMLElement {
  return h("span", { class: `pill ${tone}` }, h("span", { class: "dot", "aria-hidden": "true" }), text);
}

export function stateTone(state: string): Tone {
  if (state === "ready") return "good";
  if (state === "crash loop") return "bad";
  return state === "stopped" ? "calm" : "warn";
}

export function healthOf(environment: Environment): { tone: Tone; text: string } {
  const wanted = environment.processes.filter((p) => p.state !== "stopped");
  const ready = wanted.filter((p) => p.state === "ready").length;
  if (!wanted.length) return { tone: "calm", text: "stopped" };
  if (ready === wanted.length) return { tone: "good", text: "all ready" };
  return { tone: ready ? "warn" : "bad", text: `${ready} of ${wanted.length} ready` };
}

export function releaseOf(environment: Environment): string {
  return environment.processes.map((p: Process) => p.release).filter(Boolean).sort().at(-1) ?? "";
}

export function appPath(app: string, environment: string, page = ""): string {
  return `/apps/${encodeURIComponent(app)}/${encodeURIComponent(environment)}${page && `/${page}`}`;
}

export function stat(label: string, value: Child, note?: Child): HTMLElement {
  return h("div", { class: "stat" }, h("dt", {}, label), h("dd", {}, value), note ? h("dd", { class: "note" }, note) : null);
}

export function section(title: string, ...children: Child[]): HTMLElement {
  return h("section", {}, h("h2", {}, title), ...children);
}

/** A table that becomes a list of cards where the screen is narrow: each cell knows its heading. */
export function table(caption: string, headings: string[], rows: Child[][]): HTMLElement {
  return h(
    "div",
    { class: "card table-card" },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, ...headings.map((text) => h("th", { scope: "col" }, text || h("span", { class: "hidden" }, "More"))))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell, i) => h("td", { "data-heading": headings[i] }, cell))))),
    ),
  );
}

export function empty(text: string): HTMLElement {
  return h("p", { class: "empty card" }, text);
}

export function ranges(present: Range, choose: (range: Range) => void): HTMLElement {
  const group = h("div", { class: "choices", role: "group", "aria-label": "Time shown" });
  for (const range of RANGES) {
    const button = h("button", { type: "button", "aria-pressed": range === present ? "true" : "false" }, range.name);
    button.addEventListener("click", () => {
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
      choose(range);
    });
    group.append(button);
  }
  return group;
}

/** A button that changes something; there only for those who are signed in. */
export function action(text: string, question: string, run: () => Promise<unknown>, after: () => void): Child {
  if (!session.token()) return null;
  const button = h("button", { type: "button", class: "quiet" }, text) as HTMLButtonElement;
  button.addEventListener("click", async () => {
    if (question && !confirm(question)) return;
    button.disabled = true;
    try {
      await run();
    } catch (error) {
      alert(error instanceof Error ? error.message : String(error));
    }
    button.disabled = false;
    after();
  });
  return button;
}

/** What a line says in a few words: the message of a JSON line, the request of an access record. */
export function summary(line: LogLine): string {
  if (!line.text.startsWith("{")) return line.text;
  try {
    const fields = JSON.parse(line.text) as Record<string, unknown>;
    if (line.source === "edge" && fields["method"]) {
      const ms = Number(fields["duration_us"]) / 1000;
      return `${fields["method"]} ${fields["path"]} ${fields["status"]} in ${ms.toFixed(ms < 10 ? 1 : 0)} ms${fields["cache"] ? ` (cache ${fields["cache"]})` : ""}`;
    }
    const message = fields["message"] ?? fields["msg"] ?? fields["event"];
    return typeof message === "string" ? message : line.text;
  } catch {
    return line.text;
  }
}

export function levelOf(line: LogLine): Tone {
  if (line.level === "error" || (line.status ?? 0) >= 500) return "bad";
  return line.level === "warn" || (line.status ?? 0) >= 400 ? "warn" : "calm";
}

/** One line of log, with all that is known of it below when it is opened. */
export function logRow(line: LogLine): HTMLElement {
  const who = [line.app && `${line.app}`, line.replica || line.source].filter(Boolean).join(" ");
  const row = h(
    "details",
    { class: `log-row ${levelOf(line)}` },
    h("summary", {}, h("time", { datetime: line.time }, clock(line.time)), h("span", { class: "who" }, who), h("span", { class: "text" }, summary(line))),
  );
  row.addEventListener("toggle", () => row.children.length === 1 && row.append(details(line)), { once: true });
  return row;
}

function details(line: LogLine): HTMLElement {
  let raw = line.text;
  try {
    raw = JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    /* a plain line */
  }
  const known = [line.environment, line.release, line.source, line.level].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "log-details" },
    h("p", {}, h("time", { datetime: line.time }, line.time), known && ` · ${known} `, line.request_id && link(`/explain/${encodeURIComponent(line.request_id)}`, {}, "explain this request")),
    h("pre", { tabindex: "0" }, raw),
  );
}
