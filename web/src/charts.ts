// Charts over time, in the colours of the page's theme, and small lines without axes.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { h } from "./dom";

export interface Line {
  name: string;
  values: (number | null)[];
  colour?: number; // of the palette
  fill?: boolean;
}
export interface ChartData {
  from: number;
  step: number;
  lines: Line[];
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = (i: number) => colour(`--line-${(i % 6) + 1}`);

/** A figure with a title, its present values as a legend, and the chart; show() gives it other data. */
export class Chart {
  readonly element: HTMLElement;
  private readonly area = h("div", { class: "chart-area" });
  private readonly legend = h("ul", { class: "legend" });
  private plot: uPlot | undefined;
  private data: ChartData | undefined;
  private shape = "";

  constructor(
    private readonly title: string,
    private readonly unit: (n: number) => string,
    signal: AbortSignal,
  ) {
    this.element = h("figure", { class: "card chart" }, h("figcaption", {}, h("h3", {}, title), this.legend), this.area);
    const sizes = new ResizeObserver(() => this.plot?.setSize(this.size()));
    sizes.observe(this.area);
    const theme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => this.data && this.show(this.data, true);
    theme.addEventListener("change", redraw);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      theme.removeEventListener("change", redraw);
      this.plot?.destroy();
    });
  }

  show(data: ChartData, anew = false): void {
    this.data = data;
    const lines = data.lines.filter((line) => line.values.some((value) => value !== null));
    // A young series fills the chart rather than its right edge.
    const first = Math.max(0, Math.min(...lines.map((line) => line.values.findIndex((value) => value !== null)), (lines[0]?.values.length ?? 0) - 12));
    const from = data.from + first * data.step;
    this.legend.replaceChildren(
      ...lines.map((line, i) =>
        h("li", {}, h("span", { class: `swatch line-${((line.colour ?? i) % 6) + 1}` }), `${line.name} `, h("b", {}, this.unit(last(line.values)))),
      ),
    );
    this.area.setAttribute("role", "img");
    this.area.setAttribute(
      "aria-label",
      lines.length
        ? `${this.title}: ${lines.map((line) => `${line.name} ${this.unit(last(line.values))}, at most ${this.unit(Math.max(...line.values.map((v) => v ?? 0)))}`).join("; ")}`
        : `${this.title}: nothing measured yet`,
    );
    const count = Math.max(0, ...lines.map((line) => line.values.length - first));
    const columns = [Array.from({ length: count }, (_, i) => from + i * data.step), ...lines.map((line) => line.values.slice(first))];
    const shape = lines.map((line) => line.name).join("\n");
    if (this.plot && shape === this.shape && !anew) {
      this.plot.setData(columns as uPlot.AlignedData);
      return;
    }
    this.shape = shape;
    this.plot?.destroy();
    this.plot = undefined;
    this.area.replaceChildren();
    if (!lines.length) {
      this.area.append(h("p", { class: "empty" }, "Nothing measured yet."));
      return;
    }
    this.plot = new uPlot(this.options(lines), columns as uPlot.AlignedData, this.area);
    // It is told in words above; arrow keys have nothing to do in it.
    for (const canvas of this.area.querySelectorAll("canvas")) canvas.setAttribute("aria-hidden", "true");
  }

  private size() {
    return { width: Math.max(this.area.clientWidth, 120), height: 168 };
  }

  private options(lines: Line[]): uPlot.Options {
    const axis = { stroke: colour("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    return {
      ...this.size(),
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 } },
      scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.15 : 1] } },
      axes: [
        { ...axis, grid: { show: false }, space: 64, size: 26, values: (_, ticks) => ticks.map((tick) => moment(tick, ticks.at(-1)! - ticks[0]!)) },
        { ...axis, size: 64, space: 36, grid: { stroke: colour("--grid"), width: 1 }, values: (_, ticks) => ticks.map(this.unit) },
      ],
      series: [
        {},
        ...lines.map((line, i) => {
          const stroke = palette(line.colour ?? i);
          return { label: line.name, stroke, width: 1.75, fill: line.fill ? `${stroke}22` : undefined, points: { show: false }, spanGaps: true };
        }),
      ],
    };
  }
}

function moment(at: number, span: number): string {
  const date = new Date(at * 1000);
  if (span > 2 * 86400) return date.toLocaleDateString("en", { month: "short", day: "numeric" });
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}

function last(values: (number | null)[]): number {
  for (let i = values.length - 1; i >= 0; --i) if (values[i] !== null) return values[i]!;
  return 0;
}

/** A line of a card: what it was like lately, without numbers. */
export function spark(values: (number | null)[], label: string): HTMLElement {
  values = values.slice(Math.max(0, Math.min(values.findIndex((v) => v !== null), values.length - 12)));
  const most = Math.max(1e-9, ...values.map((v) => v ?? 0));
  const points = values.map((v, i) => `${((i / Math.max(values.length - 1, 1)) * 120).toFixed(1)},${(30 - ((v ?? 0) / most) * 27).toFixed(1)}`);
  return h(
    "svg",
    { class: "spark", viewBox: "0 0 120 32", preserveAspectRatio: "none", role: "img", "aria-label": label },
    points.length > 1 && h("path", { d: `M0,32 L${points.join(" L")} L120,32 Z`, class: "spark-fill" }),
    points.length > 1 && h("polyline", { points: points.join(" "), class: "spark-line" }),
  );
}
