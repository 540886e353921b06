// Draws the loss over the steps as an SVG that grows with the run, in the colours of the page.

const width = 640;
const height = 200;
const margin = { left: 44, right: 12, top: 12, bottom: 26 };

/** The positions of losses and ticks in the picture. The axis begins at step 0 and ends at a round number of nats. */
export function layOutCurve(
  losses: readonly number[],
  steps: number,
): { readonly points: readonly (readonly [x: number, y: number])[]; readonly ticks: readonly Tick[] } {
  const most = Math.max(...losses, 0);
  const unit = tickUnit(most);
  const top = Math.max(unit, Math.ceil(most / unit) * unit);
  const yOf = (loss: number): number =>
    height - margin.bottom - (loss / top) * (height - margin.top - margin.bottom);
  const xOf = (step: number): number =>
    margin.left + (step / Math.max(1, steps)) * (width - margin.left - margin.right);
  const count = Math.round(top / unit);
  return {
    points: losses.map((loss, index) => [xOf(index + 1), yOf(loss)] as const),
    ticks: Array.from({ length: count + 1 }, (_, index) => ({ loss: index * unit, y: yOf(index * unit) })),
  };
}

export interface Tick {
  readonly loss: number;
  readonly y: number;
}

/** Draws all losses so far into `svg`. */
export function drawCurve(svg: SVGSVGElement, losses: readonly number[], steps: number): void {
  const { points, ticks } = layOutCurve(losses, steps);
  const baseline = height - 8;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(
    ...ticks.flatMap(({ loss, y }) => [
      make("line", { class: "tick", x1: margin.left, x2: width - margin.right, y1: y, y2: y }),
      make("text", { x: margin.left - 8, y: y + 4, "text-anchor": "end" }, String(Number(loss.toFixed(4)))),
    ]),
    make("text", { x: margin.left, y: baseline }, "step 0"),
    make("text", { x: width - margin.right, y: baseline, "text-anchor": "end" }, String(steps)),
    make("polyline", { class: "loss", points: points.map((point) => point.join()).join(" ") }),
    ...points.slice(-1).map(([cx, cy]) => make("circle", { class: "now", cx, cy, r: 4 })),
  );
  const [first, last] = [losses[0], losses.at(-1)];
  if (first !== undefined && last !== undefined)
    svg.setAttribute("aria-label", `Loss from ${first.toFixed(2)} to ${last.toFixed(2)} nats`);
}

/** The distance of ticks: 1, 2 or 5 times a power of ten, so that the axis has two to five parts. */
function tickUnit(most: number): number {
  if (!(most > 0) || !Number.isFinite(most)) return 1;
  const power = 10 ** Math.floor(Math.log10(most / 2));
  return power * ([1, 2, 5].find((unit) => most / (unit * power) <= 5) ?? 10);
}

function make(name: string, attributes: Readonly<Record<string, string | number>>, text = ""): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.textContent = text;
  return element;
}
