import { type Explanation, get } from "../api";
import { h } from "../dom";
import { ago } from "../format";
import type { Page } from "../main";
import { empty, logRow, section } from "../parts";

export const explainPage: Page = {
  title: ([request]) => (request ? "A request explained" : "The last incident"),
  every: 0,
  build({ signal, root, words }) {
    const [request] = words;
    return async () => {
      const form = h("form", { class: "card filters", role: "search" }) as HTMLFormElement;
      const input = h("input", { type: "search", name: "request", value: request ?? "", placeholder: "X-Request-ID", autocomplete: "off" }) as HTMLInputElement;
      form.append(h("label", { class: "field" }, h("span", {}, "Request ID"), input), h("button", { type: "submit" }, "Explain"));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (input.value.trim()) location.assign(`/explain/${encodeURIComponent(input.value.trim())}`);
      });
      let found: Explanation | undefined;
      try {
        found = await get<Explanation>(request ? `/v1/explain?request=${encodeURIComponent(request)}` : "/v1/explain", signal);
      } catch (error) {
        if (signal.aborted) throw error;
        root.replaceChildren(h("h1", {}, request ? "A request explained" : "The last incident"), form, empty(error instanceof Error ? error.message : String(error)));
        return;
      }
      root.replaceChildren(
        h("p", { class: "note" }, request ? "A request explained" : "The last incident", ` · ${ago(found.at)}`),
        h("h1", { class: "long" }, found.title),
        form,
        found.facts.length ? h("dl", { class: "card known" }, ...found.facts.flatMap((f) => [h("dt", {}, f.label), h("dd", {}, f.text)])) : "",
        found.timeline.length ? section("In the order of time", h("div", { class: "card log short" }, ...found.timeline.map(logRow))) : "",
        found.next.length ? section("More of it", h("pre", { class: "card", tabindex: "0" }, found.next.join("\n"))) : "",
      );
    };
  },
};
