import { type LogLine, type Status, get, stream } from "../api";
import { h } from "../dom";
import type { Page } from "../main";
import { logRow } from "../parts";

const MOST = 2000; // lines on the page
const SINCE: [string, number][] = [
  ["the newest lines", 0],
  ["15 minutes", 900],
  ["1 hour", 3600],
  ["24 hours", 86400],
  ["7 days", 604800],
];

function field(label: string, control: HTMLElement): HTMLElement {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

function choice(name: string, options: [string, string][], value: string): HTMLSelectElement {
  const select = h("select", { name }, ...options.map(([v, text]) => h("option", { value: v, selected: v === value }, text)));
  return select as HTMLSelectElement;
}

export const logsPage: Page = {
  title: () => "Logs",
  every: 0,
  build({ signal, root, query }) {
    const words = h("input", { type: "search", name: "grep", placeholder: 'words, "or a phrase"', value: query.get("grep") ?? "", autocomplete: "off", spellcheck: "false" }) as HTMLInputElement;
    const app = choice("app", [["", "all apps"]], "");
    const level = choice("level", [["", "any level"], ["info", "info or worse"], ["warn", "warnings or worse"], ["error", "errors"]], query.get("level") ?? "");
    const source = choice("source", [["", "everywhere"], ["app", "apps"], ["edge", "edge"], ["control", "control"]], query.get("source") ?? "");
    const status = choice("status", [["", "any status"], ["2xx", "2xx"], ["3xx", "3xx"], ["4xx", "4xx"], ["5xx", "5xx"]], query.get("status") ?? "");
    const since = choice("since", SINCE.map(([text, s]) => [String(s), text]), query.get("since") ?? "0");
    const live = h("input", { type: "checkbox", name: "live", checked: true }) as HTMLInputElement;
    const form = h(
      "form",
      { class: "card filters", role: "search" },
      field("Search", words),
      field("App", app),
      field("From", source),
      field("Level", level),
      field("Status", status),
      field("Since", since),
      h("label", { class: "field check" }, live, h("span", {}, "Live")),
    );
    const said = h("p", { class: "note", role: "status" });
    const list = h("div", { class: "card log", role: "log", "aria-label": "Log lines", "aria-live": "off", tabindex: "0" });
    root.append(h("h1", {}, "Logs"), form, said, list);

    let asking: AbortController | undefined;
    const search = () => {
      asking?.abort();
      asking = new AbortController();
      const mine = asking;
      const asked = new URLSearchParams({ tail: "500" });
      const [name, environment] = app.value.split("/");
      const put = (key: string, value: string | undefined) => value && asked.set(key, value);
      put("app", name);
      put("environment", environment);
      put("grep", words.value.trim());
      put("level", level.value);
      put("source", source.value);
      put("status", status.value);
      if (Number(since.value)) asked.set("since", new Date(Date.now() - Number(since.value) * 1000).toISOString());
      if (live.checked) asked.set("follow", "1");
      list.replaceChildren();
      said.textContent = "Searching …";
      let lines = 0;
      const take = (batch: LogLine[]) => {
        if (mine.signal.aborted) return;
        const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
        list.append(...batch.slice(-MOST).map(logRow));
        while (list.children.length > MOST) list.firstElementChild!.remove();
        lines += batch.length;
        said.textContent = `${lines} line${lines === 1 ? "" : "s"}${live.checked ? ", and more as they come" : ""}`;
        if (atEnd) list.scrollTop = list.scrollHeight;
      };
      setTimeout(() => !mine.signal.aborted && !lines && (said.textContent = live.checked ? "No line yet; waiting for more" : "No such line"), 1500);
      stream<LogLine>(`/v1/logs?${asked}`, mine.signal, take).then(
        () => !lines && (said.textContent = "No such line"),
        (error: unknown) => !mine.signal.aborted && (said.textContent = `Lost the connection: ${error instanceof Error ? error.message : error}`),
      );
    };
    let pause: number | undefined;
    words.addEventListener("input", () => {
      clearTimeout(pause);
      pause = window.setTimeout(search, 250);
    });
    form.addEventListener("change", (event) => event.target !== words && search());
    form.addEventListener("submit", (event) => (event.preventDefault(), search()));
    signal.addEventListener("abort", () => asking?.abort());

    return async () => {
      const { environments } = await get<Status>("/v1/status", signal);
      const wanted = query.get("app") ? `${query.get("app")}/${query.get("environment") ?? ""}` : "";
      for (const e of environments) {
        const value = `${e.app}/${e.environment}`;
        app.append(h("option", { value, selected: value === wanted }, value));
      }
      search();
    };
  },
};
