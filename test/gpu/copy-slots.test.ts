// Copies within a cache, on real execution: exactly the listed slots change, to exactly what was in others.
import { expect, it } from "vitest";
import { copySlotsVariant } from "../../src/kernels/attention/copy-slots.js";
import { runKernel, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";

const queue = useTestQueue();

it.each([
  { slotVectors: 1, pairs: [[3, 7]] },
  { slotVectors: 33, pairs: Array.from({ length: 9 }, (_, index) => [index, 29 - index]) },
])("copies $pairs.length slots of $slotVectors vectors", async ({ slotVectors, pairs }) => {
  const keyValue = randomFloats(5, 30 * 4 * slotVectors);
  const expected = keyValue.slice();
  const width = 4 * slotVectors;
  for (const [from, to] of pairs)
    expected.set(keyValue.subarray(from! * width, (from! + 1) * width), to! * width);
  const actual = await runKernel(
    queue(),
    copySlotsVariant,
    // One pair in front that is not this dispatch's.
    { slotTable: Uint32Array.from([0, 15, ...pairs.flat()]), KV: keyValue },
    { firstEntry: 1, slotCount: pairs.length, slotVectors },
    "KV",
  );
  expect(actual).toEqual(expected);
});
