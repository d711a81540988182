// The frame around the pages: navigation, which page a path means, refreshing, signing in.
import "./app.css";
import { type Alerts, get, session } from "./api";
import { h, link } from "./dom";
import { alertsPage } from "./pages/alerts";
import { appPage } from "./pages/app";
import { explainPage } from "./pages/explain";
import { hostPage } from "./pages/host";
import { logsPage } from "./pages/logs";
import { overview } from "./pages/overview";
import { releasesPage } from "./pages/releases";

export interface Surroundings {
  root: HTMLElement; // the page's place, empty
  words: string[]; // what the path's pattern matched
  query: URLSearchParams;
  signal: AbortSignal; // aborted when the page is left
  refresh: () => void; // asks for fresh data now
}
export interface Page {
  title: (words: string[]) => string;
  every: number; // ms between two refreshes; 0: only once
  build: (surroundings: Surroundings) => () => Promise<void>; // gives what refreshes it
}

const ROUTES: [RegExp, Page][] = [
  [/^\/$/, overview],
  [/^\/apps\/([^/]+)\/([^/]+)$/, appPage],
  [/^\/apps\/([^/]+)\/([^/]+)\/releases$/, releasesPage],
  [/^\/logs$/, logsPage],
  [/^\/alerts$/, alertsPage],
  [/^\/host$/, hostPage],
  [/^\/explain(?:\/([^/]+))?$/, explainPage],
];

const LINKS: [string, string, string][] = [
  ["/", "Overview", "M4 11 12 4l8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z"],
  ["/logs", "Logs", "M4 6h16M4 10h10M4 14h16M4 18h7"],
  ["/alerts", "Alerts", "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 20.500h4"],
  ["/explain", "Explain", "M9.500 9a2.500 2.500 0 1 1 3.500 2.300c-.7.4-1 .9-1 1.700v.5M12 17v.2M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18"],
  ["/host", "Host", "M4 5h16v6H4zM4 13h16v6H4zM7.500 8h.1M7.500 16h.1"],
];

const main = h("main", { id: "main", tabindex: "-1" });
const trouble = h("p", { class: "banner bad", role: "alert", hidden: true });
const alertCount = h("span", { class: "count", hidden: true });
const signIn = h("button", { type: "button", class: "quiet" }) as HTMLButtonElement;

function frame(): void {
  const items = LINKS.map(([href, text, path]) =>
    h(
      "li",
      {},
      link(href, { class: "nav-link" }, h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: path })), h("span", {}, text), href === "/alerts" ? alertCount : null),
    ),
  );
  document.body.replaceChildren(
    h("a", { href: "#main", class: "skip" }, "Skip to the content"),
    h(
      "header",
      {},
      link("/", { class: "brand" }, h("img", { src: "/icon.svg", alt: "", width: 28, height: 28 }), "Fairlead"),
      h("nav", { "aria-label": "Main" }, h("ul", {}, ...items)),
      signIn,
    ),
    h("div", { class: "page" }, trouble, main),
  );
}

// ---- signing in

const dialog = h("dialog", { "aria-labelledby": "sign-in" }) as HTMLDialogElement;
function askForToken(): void {
  const input = h("input", { type: "password", autocomplete: "off", required: true, id: "token" }) as HTMLInputElement;
  const said = h("p", { class: "note", role: "status" }, "It is in the file dashboard.token of the state folder.");
  const form = h(
    "form",
    {},
    h("h2", { id: "sign-in" }, "Sign in to change things"),
    h("label", { class: "field" }, h("span", {}, "Token"), input),
    said,
    h("div", { class: "row" }, h("button", { type: "submit" }, "Sign in"), h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await session.signIn(input.value.trim())) {
      dialog.close();
      open(false);
    } else {
      said.textContent = "That is not the token.";
      input.select();
    }
  });
  dialog.replaceChildren(form);
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.showModal();
}
signIn.addEventListener("click", () => {
  if (!session.token()) return askForToken();
  session.signOut();
  open(false);
});

// ---- pages

let leave = new AbortController();

function open(byPerson: boolean): void {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  signIn.textContent = session.token() ? "Sign out" : "Sign in";
  const [found, page] = ROUTES.map(([pattern, p]) => [pattern.exec(location.pathname), p] as const).find(([match]) => match) ?? [null, null];
  for (const a of document.querySelectorAll(".nav-link")) {
    const href = a.getAttribute("href")!;
    const here = href === "/" ? location.pathname === "/" || location.pathname.startsWith("/apps/") : location.pathname.startsWith(href);
    if (here) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  main.replaceChildren();
  trouble.hidden = true;
  if (!page || !found) {
    document.title = "Not found · Fairlead";
    main.append(h("h1", {}, "There is no such page"), link("/", {}, "To the overview"));
    return;
  }
  const words = found.slice(1).filter(Boolean).map(decodeURIComponent);
  document.title = `${page.title(words)} · Fairlead`;
  let timer: number | undefined;
  let busy = false;
  const refresh = async () => {
    if (busy || signal.aborted) return;
    clearTimeout(timer);
    busy = true;
    try {
      await update();
      trouble.hidden = true;
      main.dataset["ready"] = location.pathname;
    } catch (error) {
      if (!signal.aborted) {
        trouble.textContent = `Control does not answer (${error instanceof Error ? error.message : error}). Trying again …`;
        trouble.hidden = false;
      }
    }
    busy = false;
    // Nobody looks at a page in the background.
    const again = page.every || (trouble.hidden ? 0 : 3000);
    if (again && !signal.aborted) timer = window.setTimeout(() => (document.hidden ? document.addEventListener("visibilitychange", refresh, { once: true, signal }) : refresh()), again);
  };
  delete main.dataset["ready"];
  const update = page.build({ root: main, words, query: new URLSearchParams(location.search), signal, refresh });
  signal.addEventListener("abort", () => clearTimeout(timer));
  void refresh();
  if (byPerson) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

document.addEventListener("click", (event) => {
  const a = (event.target as Element).closest("a");
  if (!a || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (a.origin !== location.origin || a.getAttribute("href")!.startsWith("#")) return;
  event.preventDefault();
  history.pushState(null, "", a.href);
  open(true);
});
addEventListener("popstate", () => open(true));

async function countAlerts(): Promise<void> {
  try {
    const { alerts } = await get<Alerts>("/v1/alerts");
    const firing = alerts.filter((a) => a.state === "firing" && !a.silenced).length;
    alertCount.hidden = firing === 0;
    alertCount.textContent = String(firing);
    alertCount.setAttribute("aria-label", `${firing} firing`);
  } catch {
    /* the page says that control does not answer */
  }
  setTimeout(countAlerts, 10000);
}

frame();
open(false);
void countAlerts();
