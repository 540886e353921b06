// Small samples of attention with known results, to verify.
import type { AttentionStep } from "../families/recipe.js";
import type { AttentionParam } from "../kernels/attention/attention.js";
import { ROW_WORDS } from "../model/rows.js";
import type { ModelShape } from "../model/shape.js";
import { float32ToFloat16, toFloat32, type CacheFormat } from "../tensor/formats.js";
import { SeededRandom } from "../util/seeded-random.js";
import {
  callOf,
  tablesOf,
  type AttentionSampleBinding,
  type AttentionSampleShape,
} from "./attention-sample.js";
import { FLOAT32_TOLERANCE, type KernelTrial } from "./trial.js";

/** Keys and values in `keyValues`: two heads of keys, and all heads of queries that share them, of the model's width. */
export function attentionTrial(
  sampled: AttentionSampleShape,
  { headVectors, group, pageTokens }: Pick<ModelShape, "headVectors" | "group" | "pageTokens">,
  step: AttentionStep,
  keyValues: CacheFormat,
): KernelTrial<AttentionSampleBinding, AttentionParam> {
  const keyHeads = 2;
  const [heads, D] = [keyHeads * group, 4 * headVectors];
  const [width, keyWidth] = [heads * D, keyHeads * D];
  const { rowInfo, pageTable, blockTable, rowCount, slots } = tablesOf(sampled, pageTokens);
  const random = new SeededRandom(2);
  const floats = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const Q = floats(rowCount * width);
  const exact = floats(2 * slots * keyWidth);
  const halves = new Uint8Array(float32ToFloat16(exact).buffer);
  const KV = keyValues === "f16" ? toFloat32(halves, "F16") : exact;
  const expected = new Float64Array(rowCount * width);
  for (let row = 0; row < rowCount; row++) {
    const words = rowInfo.subarray(ROW_WORDS * row, ROW_WORDS * (row + 1));
    const [, position, firstPage, keyCount] = words as unknown as [number, number, number, number];
    const seen = Array.from({ length: keyCount }, (_, key) => key).filter((key) => sees(step, position, key));
    for (let head = 0; head < heads; head++) {
      const keyAt = (key: number): number => {
        const slot = pageTable[firstPage + Math.floor(key / pageTokens)]! + (key % pageTokens);
        return 2 * slot * keyWidth + Math.floor(head / group) * D;
      };
      const own = row * width + head * D;
      const weights = seen.map((key) => {
        let score = 0;
        for (let d = 0; d < D; d++) score += Q[own + d]! * KV[keyAt(key) + d]!;
        score *= step.scale;
        return Math.exp(step.cap === undefined ? score : step.cap * Math.tanh(score / step.cap));
      });
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const [index, weight] of weights.entries())
        for (let d = 0; d < D; d++)
          expected[own + d]! += (weight / total) * KV[keyAt(seen[index]!) + keyWidth + d]!;
    }
  }
  const { params, partials } = callOf(sampled.lengths, blockTable.length / 2, heads, headVectors, step);
  return {
    contents: {
      Q,
      KV: keyValues === "f16" ? new Uint32Array(halves.buffer) : KV,
      rowInfo,
      pageTable,
      blockTable,
      A: 4 * rowCount * width,
      partials,
    },
    params,
    output: "A",
    expected,
    tolerance: FLOAT32_TOLERANCE,
  };
}

/** Whether the query at `position` sees a key: see AttentionStep. */
function sees({ causal, window }: AttentionStep, position: number, key: number): boolean {
  if (causal) return key <= position && (window === undefined || key > position - window);
  return window === undefined || Math.abs(position - key) <= Math.floor(window / 2);
}
