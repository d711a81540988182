import { type Deployment, type Release, type Status, type Traffic, get, send } from "../api";
import { type Child, h, part } from "../dom";
import { ago, count, seconds } from "../format";
import type { Page } from "../main";
import { type Tone, action, empty, pill, section, table } from "../parts";
import { tabs } from "./app";

function toneOf(state: string): Tone {
  if (state === "succeeded") return "good";
  return state === "running" ? "calm" : state === "failed" ? "bad" : "warn";
}

function receipt(deployment: Deployment): Child {
  if (!deployment.receipt) return null;
  const { before, during, after } = deployment.receipt;
  const row = (name: string, t: Traffic): Child[] => [h("b", {}, name), count(t.requests), h("span", { class: t.failed ? "bad-text" : "" }, count(t.failed)), count(t.retried), seconds(t.p50_ns / 1e9), seconds(t.p99_ns / 1e9)];
  return h(
    "details",
    { class: "receipt" },
    h("summary", {}, "Receipt: ", h("b", {}, `${count(before.requests + during.requests + after.requests)} requests`), `, ${count(during.failed)} failed while it ran`),
    table("What it did to requests", ["", "Requests", "Failed", "Retried", "p50", "p99"], [row("before", before), row("during", during), row("after", after)]),
    h("ol", { class: "steps" }, ...deployment.steps.map((s) => h("li", {}, h("b", {}, s.name), ` ${s.detail} `, h("span", { class: "note" }, seconds(s.duration_ns / 1e9))))),
  );
}

export const releasesPage: Page = {
  title: ([app]) => `Releases of ${app}`,
  every: 5000,
  build({ signal, root, words, refresh }) {
    const [app, environment] = words as [string, string];
    const where = `app=${encodeURIComponent(app)}&environment=${encodeURIComponent(environment)}`;
    const history = h("div", {});
    const list = h("div", {});
    root.append(
      h("div", { class: "row wrap" }, h("h1", {}, app), h("span", { class: "tag" }, environment)),
      tabs(app, environment, "releases"),
      section("Deployments", history),
      section("Releases", list),
    );
    const drawHistory = part<Deployment[]>(history, (deployments) =>
      deployments.length
        ? deployments.map((d) =>
            h(
              "article",
              { class: "card deployment" },
              h("div", { class: "row wrap" }, h("h3", {}, `${d.kind} ${d.from && d.from !== d.to ? `v${d.from} → ` : ""}v${d.to}`), pill(toneOf(d.state), d.state), h("span", { class: "note" }, `${ago(d.at)} by ${d.by}, took ${seconds(d.duration_ns / 1e9)}`)),
              h("p", {}, d.message),
              receipt(d),
            ),
          )
        : [empty("Nothing was deployed yet.")],
    );
    const drawList = part<{ releases: Release[]; live: string }>(list, ({ releases, live }) => [
      table(
        "Releases",
        ["Release", "Version", "Made", "Artifact", ""],
        releases.map((r) => [
          [h("b", {}, `v${r.number}`), " ", `v${r.number}` === live && pill("good", "live")],
          r.version,
          `${ago(r.at)} by ${r.by}`,
          h("code", {}, r.artifact.replace("sha256:", "").slice(0, 12)),
          `v${r.number}` !== live && action("Roll back", `Make v${r.number} of ${app}/${environment} live?`, () => send("POST", "/v1/orders", { kind: "rollback", app, environment, release: r.number }).then((a) => a.text()), refresh),
        ]),
      ),
    ]);
    return async () => {
      const { environments } = await get<Status>("/v1/status", signal);
      const found = environments.find((e) => e.app === app && e.environment === environment);
      const live = found?.processes.map((p) => p.release).sort().at(-1) ?? "";
      if (!live) {
        history.replaceChildren(empty("fairlead up runs the folder as it is: releases are what fairlead serve and fairlead deploy make."));
        list.parentElement?.remove();
        return;
      }
      drawHistory(await get<Deployment[]>(`/v1/deployments?${where}`, signal));
      drawList({ releases: await get<Release[]>(`/v1/releases?${where}`, signal), live });
    };
  },
};
