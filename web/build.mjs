// Bundles the dashboard into dist/ (or the folder that is named): what the binary embeds.
import { copyFile, mkdir } from "node:fs/promises";
import * as esbuild from "esbuild";

const out = process.argv[2] ?? "dist";
await mkdir(out, { recursive: true });
await esbuild.build({
  entryPoints: { app: "src/main.ts" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
});
for (const file of ["index.html", "icon.svg"]) await copyFile(`src/${file}`, `${out}/${file}`);
