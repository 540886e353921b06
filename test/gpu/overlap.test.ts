// Two queues at work: attention of one sentence runs on one while slices of others run on the other.
import { expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { measureTrace } from "../../src/trace/metrics.js";
import { validateTrace } from "../../src/trace/validate.js";
import { readJson, repositoryFile } from "../helpers/data-files.js";

it("overlaps attention with slices of other sentences on another queue, within the fences", async () => {
  const folder = repositoryFile("src/demo/models/tinystories-gpt2");
  await using model = await Model.load(folder, { queues: 2 });
  const stories = (await readJson<readonly { prompt: string }[]>(`${folder}/stories.json`))!;
  const sentences = await Promise.all(stories.slice(0, 16).map(({ prompt }) => model.encode(prompt)));
  const { trace, stats } = await model.forward(sentences, { trace: true });
  expect(validateTrace(trace!)).toEqual([]);
  const { makespanMs, efficiency, bubbleFraction, overlapMs } = measureTrace(trace!);
  console.info(
    `two queues, ${stats.tokens} tokens: makespan ${makespanMs.toFixed(1)} ms, ` +
      `efficiency ${efficiency.toFixed(3)}, bubble ${(100 * bubbleFraction).toFixed(1)} %, ` +
      `attention beside slices of other sentences ${overlapMs.toFixed(1)} ms`,
  );
  expect(overlapMs).toBeGreaterThan(0);
  expect(stats.queues.every(({ tokens }) => tokens > 0)).toBe(true);
});

it("dispatches no more for more sentences or smaller slices", async () => {
  await using model = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"), { queues: 1 });
  const sentence = Array.from({ length: 24 }, (_, index) => 300 + index);
  const counts = new Set<number>();
  for (const batch of [1, 7, 20])
    for (const sliceTokens of [1, 5, 24]) {
      const { stats } = await model.forward(
        Array.from({ length: batch }, () => sentence),
        { sliceTokens },
      );
      counts.add(stats.dispatches);
    }
  expect([...counts]).toEqual([31]);
});
