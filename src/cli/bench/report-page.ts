// Renders the report of a benchmark as one self-contained page, with plots.
import { escape, renderPlot, type Plot } from "./plots.js";

export interface BenchReport {
  readonly title: string;
  /** What was measured, and on what: pairs of name and words. */
  readonly facts: readonly (readonly [name: string, words: string])[];
  readonly checks: readonly string[];
  readonly plots: readonly Plot[];
  /** The lines that the terminal shows. */
  readonly table: readonly string[];
  /** A picture of a schedule, as SVG. */
  readonly picture: string | undefined;
}

export function renderReport({ title, facts, checks, plots, table, picture }: BenchReport): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${style}</style>
<h1>${escape(title)}</h1>
<dl>${facts.map(([name, words]) => `<dt>${escape(name)}</dt><dd>${escape(words)}</dd>`).join("")}</dl>
<h2>Checked before anything was measured</h2>
<ul>${checks.map((check) => `<li>${escape(check)}</li>`).join("")}</ul>
${plots.length > 0 ? `<h2>Speed</h2>\n<div class="plots">${plots.map(renderFigure).join("\n")}</div>` : ""}
<h2>Figures</h2>
<pre tabindex="0">${escape(table.join("\n"))}</pre>
${picture === undefined ? "" : `<h2>What ran when</h2>\n<div class="picture" tabindex="0">${picture}</div>`}
</html>
`;
}

function renderFigure(plot: Plot): string {
  return `<figure><figcaption>${escape(plot.title)}</figcaption>${renderPlot(plot)}</figure>`;
}

const style = `
:root { --text: #1f2933; --quiet: #56616d; --page: #f5f7f9; --panel: #fff; --line: #d5dae1; --accent: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6eaf0; --quiet: #a3adba; --page: #0b0e12; --panel: #12161c; --line: #2b323c; --accent: #59b4e8; }
}
body { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
h1 { font-size: 1.7rem; } h2 { margin-top: 2rem; font-size: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.5rem; } dt { color: var(--quiet); } dd { margin: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure, pre, .picture { margin: 0; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); overflow-x: auto; }
figcaption { margin-bottom: 0.5rem; font-weight: 600; }
figure svg { width: 100%; max-width: 40rem; font: 12px system-ui, sans-serif; fill: var(--text); }
.quiet { fill: var(--quiet); } .grid { stroke: var(--line); } .line { fill: none; stroke: var(--accent); stroke-width: 2; }
.spread { stroke: var(--accent); stroke-opacity: 0.4; stroke-width: 5; } .mark, .bar { fill: var(--accent); }
`;
