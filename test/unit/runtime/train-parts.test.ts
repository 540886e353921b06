// The pure parts of training: windows and batches of a corpus, learning rates, checkpoints, and new models.
import { describe, expect, it } from "vitest";
import { createModelParts } from "../../../src/model/weights/new-model.js";
import { ArgumentError, FormatError } from "../../../src/errors.js";
import { toFloat32 } from "../../../src/tensor/formats.js";
import { BatchSampler, cutWindows } from "../../../src/runtime/train/batches.js";
import { readCheckpoint, writeCheckpoint } from "../../../src/runtime/train/checkpoint.js";
import { learningRate } from "../../../src/runtime/train/learning-rate.js";
import { MemoryFolder } from "../../../src/files/memory-folder.js";
import { readTensors } from "../../../src/files/read-tensors.js";

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe("windows of the context", () => {
  it("predict every token but the first of a sentence once", () => {
    for (const length of [2, 7, 8, 9, 14, 15, 16, 30]) {
      const windows = cutWindows([range(0, length)], 8);
      const targets = windows.flatMap((window) => Array.from(window.slice(1)));
      expect(targets, `length ${length}`).toEqual(range(1, length - 1));
      for (const window of windows) {
        expect(window.length).toBeLessThanOrEqual(8);
        expect([...window]).toEqual(range(window[0]!, window.length));
      }
    }
  });

  it("leave out what has nothing to predict, but not everything", () => {
    expect(cutWindows([[1], [], [2, 3]], 8).map((window) => [...window])).toEqual([[2, 3]]);
    expect(() => cutWindows([[1], []], 8)).toThrow(ArgumentError);
  });
});

describe("batches", () => {
  const windows = range(0, 23).map((index) => Uint32Array.from(range(100 * index, 2 + (index % 7))));
  const options = { windows, batchTokens: 20, shares: 3, seed: 5 };

  it("hold every window once per epoch, in another order each time", () => {
    const sampler = new BatchSampler({ ...options, batchTokens: 1, shares: 1 });
    const epochs = [0, 1].map(() => windows.map(() => sampler.next().shares[0]![0]![0]! / 100));
    for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).toEqual(range(0, 23));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(sampler.position).toEqual({ epoch: 1, next: 23 });
  });

  it("are full, spread over all shares, and count their targets", () => {
    const sampler = new BatchSampler(options);
    for (let step = 0; step < 30; step++) {
      const { shares, targets } = sampler.next();
      const all = shares.flat();
      const tokens = all.reduce((sum, { length }) => sum + length, 0);
      expect(shares).toHaveLength(3);
      for (const share of shares) expect(share.length).toBeGreaterThan(0);
      expect(tokens).toBeGreaterThanOrEqual(20);
      expect(tokens - all.at(-1)!.length).toBeLessThan(20 + 8);
      expect(targets).toBe(tokens - all.length);
    }
  });

  it("follow from seed and position alone", () => {
    const whole = new BatchSampler(options);
    for (let step = 0; step < 9; step++) whole.next();
    const resumed = new BatchSampler({ ...options, position: whole.position });
    const rest = range(0, 9).map(() => whole.next());
    expect(range(0, 9).map(() => resumed.next())).toEqual(rest);
    const other = new BatchSampler({ ...options, seed: 6 });
    expect(other.next()).not.toEqual(new BatchSampler(options).next());
  });
});

describe("learning rates", () => {
  it("rise to the peak and fall to the final rate", () => {
    const schedule = { peak: 1, warmupSteps: 4, final: 0.2 };
    const rates = range(1, 12).map((step) => learningRate(schedule, step, 12));
    expect(rates.slice(0, 4)).toEqual([0.25, 0.5, 0.75, 1]);
    expect(rates[7]).toBeCloseTo(0.6, 12); // half way down the cosine
    expect(rates[11]).toBeCloseTo(0.2, 12);
    for (const [index, rate] of rates.entries()) if (index > 3) expect(rate).toBeLessThan(rates[index - 1]!);
    expect(learningRate({ ...schedule, decay: "linear" }, 6, 12)).toBeCloseTo(0.8, 12);
    expect(learningRate({ ...schedule, decay: "constant" }, 12, 12)).toBe(1);
  });

  it("fall to a tenth where nothing else is said, and need no warm-up", () => {
    expect(learningRate({ peak: 2 }, 10, 10)).toBeCloseTo(0.2, 12);
    expect(learningRate({ peak: 2, warmupSteps: 10 }, 10, 10)).toBe(2);
  });
});

describe("a checkpoint", () => {
  const state = { step: 7, seed: 3, position: { epoch: 1, next: 4 }, optimizer: "adamw", shape: "tiny" };
  const tensors = new Map([
    ["a", Float32Array.of(1, -2, Number.MIN_VALUE, 0.1)],
    ["a.moment-1", Float32Array.of(5)],
  ]);
  const sizes = new Map([...tensors].map(([name, { length }]) => [name, length]));
  const expected = { seed: 3, shape: "tiny", optimizer: "adamw", sizes };

  it("comes back bit for bit", () => {
    const bytes = writeCheckpoint(state, tensors);
    expect(readCheckpoint(bytes, expected)).toEqual({ state, tensors });
    expect(writeCheckpoint(state, new Map([...tensors].toReversed()))).toEqual(bytes);
  });

  it.each([
    ["another shape", { shape: "large" }, "shape: expected large, received tiny"],
    ["another optimizer", { optimizer: "sgd" }, "optimizer: expected sgd, received adamw"],
    ["another seed", { seed: 4 }, "seed: expected 4, received 3"],
    ["other sizes", { sizes: new Map([["a", 3]]) }, "expected tensor a of 3 numbers"],
    ["other tensors", { sizes: new Map([["b", 1]]) }, "expected tensor b of 1 numbers"],
  ])("is refused for %s", (_, own, message) => {
    const readOther = (): unknown => readCheckpoint(writeCheckpoint(state, tensors), { ...expected, ...own });
    expect(readOther).toThrow(FormatError);
    expect(readOther).toThrow(message);
  });
});

describe("a new model", () => {
  const shape = { layers: 8, heads: 2, channels: 32, contextLength: 16, vocabularySize: 100 };

  it("begins as GPT-2 does", async () => {
    const { config, weights } = createModelParts({ ...shape, beginToken: 99, endToken: 98, seed: 4 });
    expect(config).toMatchObject({
      n_layer: 8,
      n_embd: 32,
      n_inner: 128,
      bos_token_id: 99,
      eos_token_id: 98,
    });
    const tensors = await read(weights);
    expect(tensors.size).toBe(8 * 12 + 4);
    for (const [name, values] of tensors) {
      if (name.endsWith("bias"))
        expect(
          values.every((value) => value === 0),
          name,
        ).toBe(true);
      else if (name.includes("ln_"))
        expect(
          values.every((value) => value === 1),
          name,
        ).toBe(true);
      else {
        const wanted = name.includes("c_proj") ? 0.02 / Math.sqrt(16) : 0.02;
        // About 500 values at least: within 15 %, and centred.
        expect(Math.abs(deviation(values) / wanted - 1), name).toBeLessThan(0.15);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(Math.abs(mean / wanted), name).toBeLessThan(0.2);
      }
    }
  });

  it("follows from its seed alone", () => {
    const [one, again, other, high] = [1, 1, 2, 1 + 2 ** 32].map(
      (seed) => createModelParts({ ...shape, layers: 1, seed }).weights,
    );
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
    expect(high).not.toEqual(one);
  });

  it("must be one", () => {
    for (const own of [{ layers: 0 }, { heads: 5 }, { seed: -1 }, { endToken: -1 }, { contextLength: 1.5 }])
      expect(() => createModelParts({ ...shape, ...own }), JSON.stringify(own)).toThrow(ArgumentError);
  });
});

async function read(weights: Uint8Array<ArrayBuffer>): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, Float32Array>();
  for await (const { name, bytes } of readTensors(
    new MemoryFolder(new Map([["model.safetensors", weights]])),
  ))
    tensors.set(name, toFloat32(bytes, "F32"));
  return tensors;
}

function deviation(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
