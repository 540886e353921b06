import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toChromeTrace } from "../../../src/trace/chrome-trace.js";
import { measureTrace } from "../../../src/trace/metrics.js";
import { renderTimeline } from "../../../src/trace/timeline-svg.js";
import type { Trace } from "../../../src/trace/trace.js";
import { arbitraryRun, seed, traceOf } from "../schedule/arbitrary.js";
import { twoQueueTrace } from "./example.js";

describe("the timeline", () => {
  test("is well-formed and names each queue, whatever ran", () => {
    fc.assert(
      fc.property(arbitraryRun(["affine", "spread", "free"]), fc.string(), (run, title) => {
        const trace = traceOf(run);
        const svg = renderTimeline(trace, { title });
        expect(findMarkupProblem(svg)).toBeUndefined();
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
        for (let queue = 0; queue < trace.queues; queue++) expect(svg).toContain(`>queue ${queue}</text>`);
      }),
      { seed, numRuns: 200 },
    );
  });

  test("escapes what a trace brings along: it may come from a file", () => {
    const trace = structuredClone(twoQueueTrace) as unknown as {
      submissions: { stages: { tasks: { segment: unknown }[] }[] }[];
    };
    const mark = "</title><img src=x onerror=alert(1)>";
    for (const { stages } of trace.submissions) for (const { tasks } of stages) tasks[0]!.segment = mark;
    expect(renderTimeline(trace as unknown as Trace)).not.toContain("<img");
  });

  test("escapes its title", () => {
    const svg = renderTimeline(twoQueueTrace, { title: `<script>"&'` });
    expect(svg).toContain("&lt;script&gt;&quot;&amp;'");
    expect(svg).not.toContain("<script>");
  });

  test("shows every stage once, every fence, and the metrics", () => {
    const svg = renderTimeline(twoQueueTrace, { width: 900 });
    expect(svg).toContain('width="900"');
    // One more of each in the legend.
    expect(svg.match(/<rect class="slice"/g)?.length).toBe(4 + 1);
    expect(svg.match(/<rect class="attention"/g)?.length).toBe(2 + 1);
    expect(svg.match(/<path class="fence"/g)?.length).toBe(2 + 1);
    expect(svg.match(/<rect class="flight"/g)?.length).toBe(2 + 1);
    expect(svg).toContain("makespan 10.00 ms");
    expect(svg).toContain("efficiency 90.0 %");
  });

  test("shows a part of the time: what is in it, cut to it, with the axis that belongs to it", () => {
    fc.assert(
      fc.property(
        arbitraryRun(["affine", "spread"]),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (run, at) => {
          const trace = traceOf(run);
          const { makespanMs } = measureTrace(trace);
          const [fromMs, toMs] = [at * makespanMs, (at + 0.1) * makespanMs];
          const svg = renderTimeline(trace, { width: 1000, fromMs, toMs });
          expect(findMarkupProblem(svg)).toBeUndefined();
          const boxes = svg.matchAll(
            /<rect class="(?:slice|attention|flight)" x="([\d.]+)"[^>]* width="([\d.]+)"/g,
          );
          for (const [, x, width] of boxes) {
            expect(Number(x)).toBeGreaterThanOrEqual(88);
            expect(Number(x) + Number(width)).toBeLessThanOrEqual(1000 - 24 + 1);
          }
          const start = Math.min(...trace.submissions.map(({ submittedMs }) => submittedMs));
          const shown = trace.submissions.flatMap(({ stages }) =>
            stages.filter(({ beginMs, endMs }) => endMs - start > fromMs && beginMs - start < toMs),
          );
          expect(svg.match(/data-stage/g)?.length ?? 0).toBeGreaterThanOrEqual(shown.length);
        },
      ),
      { seed, numRuns: 100 },
    );
    const svg = renderTimeline(twoQueueTrace, { fromMs: 3, toMs: 4 });
    expect(svg).toContain(">3.0 ms</text>");
    expect(svg).toContain(">4.0</text>");
    expect(svg).not.toContain(">2.0</text>");
  });

  test("names a stage that has no room for its sentences by their number", () => {
    const lengths = Array.from({ length: 32 }, () => 2);
    const stage = twoQueueTrace.submissions[0]!.stages[0]!;
    const tasks = lengths.map((_, sentence) => ({ ...stage.tasks[0]!, sentence }));
    const submissions = [{ ...twoQueueTrace.submissions[0]!, stages: [{ ...stage, tasks }] }];
    const svg = renderTimeline({ ...twoQueueTrace, lengths, submissions });
    expect(svg).toContain(">segment 0<");
    expect(svg).toContain(">32 sentences<");
  });
});

describe("the Chrome trace", () => {
  test("is JSON with one span per stage and one per submission, in microseconds", () => {
    const { traceEvents } = JSON.parse(toChromeTrace(twoQueueTrace));
    const spans = traceEvents.filter((event: { ph: string }) => event.ph === "X");
    expect(spans.length).toBe(6 + 2);
    expect(spans).toContainEqual({
      name: "attention 0 · sentence 0",
      cat: "attention",
      ph: "X",
      pid: 0,
      tid: 0,
      ts: 2000,
      dur: 3000,
      args: { submission: 0, level: 0, sentences: [0], tasks: 1, clock: "gpu" },
    });
  });

  test("names its queues and encoders", () => {
    const { traceEvents } = JSON.parse(toChromeTrace(twoQueueTrace));
    const names = traceEvents
      .filter((event: { ph: string }) => event.ph === "M")
      .map((event: { pid: number; args: { name: string } }) => `${event.pid} ${event.args.name}`);
    expect(names.toSorted()).toEqual([
      "0 GPU",
      "0 encoder 0",
      "0 queue 0",
      "1 GPU",
      "1 encoder 0",
      "1 queue 1",
    ]);
  });
});

/** Tags that do not nest, or text that is not escaped. */
function findMarkupProblem(markup: string): string | undefined {
  const open: string[] = [];
  for (const [tag, closing, name, , selfClosing] of markup.matchAll(
    /<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<>]*")*)(\/?)>/g,
  )) {
    if (closing && open.pop() !== name) return tag;
    if (!closing && !selfClosing) open.push(name!);
  }
  if (open.length > 0) return `<${open.at(-1)}> is not closed`;
  const words = markup.replaceAll(/<\/?[a-z]+(?: [a-zA-Z0-9-]+="[^"<>]*")*\/?>/g, "");
  return /[<>]|&(?!amp;|lt;|gt;|quot;)/.exec(words)?.[0];
}
