// Visits every page of a dashboard in Chromium, light and dark, wide and on a phone, and writes what it saw as JSON:
// console errors, requests to other hosts, what axe-core finds. `look.mjs URL TOKEN SHOTS PATH...`; screenshots go to SHOTS
// unless that is "-".
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [url, token, shots, ...paths] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const origin = new URL(url).origin;
const found = { errors: [], foreign: [], violations: [], titles: {}, firstPaint: 0, pages: 0 };

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const VIEWS = [
  { name: "wide", width: 1280, height: 860 },
  { name: "phone", width: 390, height: 844 },
];
for (const colorScheme of ["light", "dark"]) {
  for (const { name, width, height } of VIEWS) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height }, deviceScaleFactor: name === "phone" ? 2 : 1, bypassCSP: false });
    if (token !== "-") await context.addInitScript((t) => sessionStorage.setItem("fairlead.token", t), token);
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && found.errors.push(`${page.url()}: ${message.text()}`));
    page.on("pageerror", (error) => found.errors.push(`${page.url()}: ${error}`));
    page.on("request", (request) => !request.url().startsWith(origin) && !request.url().startsWith("data:") && found.foreign.push(request.url()));
    for (const path of paths) {
      const began = Date.now();
      await page.goto(url.replace(/\/$/, "") + path);
      await page.locator(`main[data-ready]`).waitFor({ timeout: 20000 });
      if (!found.firstPaint) found.firstPaint = Date.now() - began;
      found.titles[path] = await page.title();
      found.pages += 1;
      // Only what scrolls sideways as a whole is a fault; tables scroll in their own frame.
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wider > 0) found.errors.push(`${path} (${name}): ${wider} px wider than the screen`);
      // axe is put in by the debugger, which the page's policy does not concern.
      const session = await context.newCDPSession(page);
      const { readFile } = await import("node:fs/promises");
      await session.send("Runtime.evaluate", { expression: await readFile(axe, "utf8") });
      const violations = await page.evaluate(async () => (await window.axe.run(document)).violations.map((v) => ({ id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")) })));
      for (const v of violations) found.violations.push({ path, colorScheme, view: name, ...v });
      if (shots !== "-") {
        const file = `${shots}/${path === "/" ? "overview" : path.replace(/^\//, "").replace(/[/?=&]+/g, "-")}-${name}-${colorScheme}.png`;
        await page.screenshot({ path: file, fullPage: false });
      }
    }
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(found, null, 1));
