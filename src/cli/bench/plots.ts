// Draws the plots of a report as SVG: a line with its spread over a logarithmic axis, or bars with names.

export interface LinePlot {
  readonly kind: "line";
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly low: number;
    readonly high: number;
  }[];
}

export interface BarPlot {
  readonly kind: "bars";
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly value: number; readonly note: string }[];
}

export type Plot = LinePlot | BarPlot;

const width = 520;
const lineHeight = 260;
const left = 64;
const right = 16;
const top = 14;
const foot = 44;
const barHeight = 34;

export function renderPlot(plot: Plot): string {
  return plot.kind === "line" ? renderLine(plot) : renderBars(plot);
}

function renderLine({ title, xName, yName, points }: LinePlot): string {
  const most = niceCeiling(Math.max(...points.map(({ high }) => high)));
  const first = Math.log2(points[0]!.x);
  const last = Math.log2(points.at(-1)!.x);
  const xOf = (x: number): number =>
    left + ((Math.log2(x) - first) / Math.max(1e-9, last - first)) * (width - left - right);
  const yOf = (y: number): number => lineHeight - foot - (y / most) * (lineHeight - foot - top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = yOf(share * most);
    return (
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>` +
      `<text class="quiet" x="${left - 8}" y="${y + 4}" text-anchor="end">${round(share * most)}</text>`
    );
  });
  const marks = points.map(({ x, y, low, high }) => {
    const at = xOf(x);
    return (
      `<line class="spread" x1="${at}" x2="${at}" y1="${yOf(low)}" y2="${yOf(high)}"/>` +
      `<circle class="mark" cx="${at}" cy="${yOf(y)}" r="4"><title>${x}: ${round(y)}</title></circle>` +
      `<text class="quiet" x="${at}" y="${lineHeight - foot + 18}" text-anchor="middle">${x}</text>`
    );
  });
  const path = points.map(({ x, y }) => `${xOf(x)},${yOf(y)}`).join(" ");
  return svg(title, lineHeight, [
    ...grid,
    `<polyline class="line" points="${path}"/>`,
    ...marks,
    `<text class="quiet" x="${(width + left) / 2}" y="${lineHeight - 6}" text-anchor="middle">${escape(xName)}</text>`,
    `<text class="quiet" transform="translate(14 ${lineHeight / 2}) rotate(-90)" text-anchor="middle">${escape(yName)}</text>`,
  ]);
}

function renderBars({ title, bars }: BarPlot): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const inner = width - 2 * right;
  return svg(
    title,
    bars.length * (barHeight + 14) + 8,
    bars.map(({ name, value, note }, index) => {
      const y = index * (barHeight + 14) + 4;
      return (
        `<text x="${right}" y="${y + 11}">${escape(name)}</text>` +
        `<text class="quiet" x="${width - right}" y="${y + 11}" text-anchor="end">${escape(note)}</text>` +
        `<rect class="bar" x="${right}" y="${y + 17}" width="${Math.max(1, (value / most) * inner)}" height="${barHeight - 17}" rx="2"/>`
      );
    }),
  );
}

function svg(title: string, height: number, children: readonly string[]): string {
  return `<svg role="img" aria-label="${escape(title)}" viewBox="0 0 ${width} ${height}">${children.join("")}</svg>`;
}

/** The smallest number of at least `value` that is 1, 2 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value)!;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
