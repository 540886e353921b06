// What a GPU's check reports: the recorded float64, the made-up model, and the arithmetic of shares.
import { describe, expect, it } from "vitest";
import { describeInfo, listFeatures, listLimits } from "../../../src/jobs/gpu-check/describe-gpu.js";
import { expectedLogits, expectedTokens } from "../../../src/jobs/gpu-check/expected.js";
import {
  known,
  median,
  reachedBy,
  unknown,
  workOfPrompt,
  workOfStep,
} from "../../../src/jobs/gpu-check/figures.js";
import {
  checkedShape,
  countWeights,
  makeUpModel,
  smallShape,
  toParts,
  wholeShape,
} from "../../../src/jobs/gpu-check/made-up-model.js";
import {
  CHECKED_SEED,
  CHECKED_TOKENS,
  checkedPrompt,
  compareModel,
} from "../../../src/jobs/gpu-check/verify.js";
import { describeModel } from "../../../src/runtime/load/describe-model.js";
import { toFloat32 } from "../../../src/tensor/formats.js";
import { decoderForward, type DecoderFile } from "../../reference/decoder.js";

describe("the model that a GPU is checked with", () => {
  it("gives in float64 what is recorded, with tokens that no rounding changes", () => {
    const { config, tensors } = makeUpModel(checkedShape, CHECKED_SEED);
    const weights = new Map(
      [...tensors].map(([name, { bits }]) => [name, toFloat32(new Uint8Array(bits.buffer), "F16")]),
    );
    const V = checkedShape.vocabulary;
    const lastLogits = (ids: readonly number[]): number[] =>
      Array.from(decoderForward(config as unknown as DecoderFile, weights, ids).subarray(-V));
    const logits = lastLogits(checkedPrompt);
    const ids = [...checkedPrompt];
    for (let step = 0; step < CHECKED_TOKENS; step++) {
      const own = lastLogits(ids);
      const [first, second] = own.toSorted((a, b) => b - a);
      // Far more than the check's limit.
      expect(first! - second!).toBeGreaterThan(0.01 * (1 + Math.abs(first!)));
      ids.push(own.indexOf(first!));
    }
    expect(expectedTokens).toEqual(ids.slice(checkedPrompt.length));
    expect(expectedLogits).toEqual(logits.map((value) => Number(value.toPrecision(9))));
    // They differ enough that a kernel which mixes rows or columns up is noticed.
    expect(Math.max(...logits) - Math.min(...logits)).toBeGreaterThan(1);
  });

  it.each([checkedShape, smallShape])("has the weights that are counted: %j", async (shape) => {
    const parts = toParts(makeUpModel(shape, 1));
    const { parameters, config } = await describeModel(parts);
    const { layers, head } = countWeights(shape);
    const norms = (2 * shape.layers + 1) * shape.channels;
    expect(parameters).toBe(layers + head + norms);
    expect(config).toMatchObject({
      channels: shape.channels,
      hidden: shape.hidden,
      layers: shape.layers,
      heads: shape.heads,
      keyValueHeads: shape.keyValueHeads,
      tiedHead: true,
    });
  });

  it("is larger than caches where a GPU is timed", () => {
    const { layers, head } = countWeights(wholeShape);
    expect(2 * (layers + head)).toBeGreaterThan(150e6);
  });
});

describe("comparing a model", () => {
  it("finds what is recorded right, and anything else wrong", () => {
    expect(compareModel("f32", expectedLogits, expectedTokens)).toEqual({
      weights: "f32",
      isRight: true,
      largestError: 0,
      limit: 1e-4,
      hasSameTokens: true,
    });
    const off = expectedLogits.map((value, index) => (index === 200 ? value + 0.01 : value));
    expect(compareModel("f32", off, expectedTokens).isRight).toBe(false);
    expect(compareModel("f32", expectedLogits, expectedTokens.slice(1))).toMatchObject({
      isRight: false,
      hasSameTokens: false,
    });
    const broken = expectedLogits.map((value, index) => (index === 3 ? NaN : value));
    expect(compareModel("f32", broken, expectedTokens)).toMatchObject({ isRight: false, largestError: null });
    expect(compareModel("f32", expectedLogits.slice(1), expectedTokens).isRight).toBe(false);
  });
});

describe("what is reached", () => {
  const bounds = { bandwidth: known(100), arithmetic: known(2000) };

  it("is bytes and operations by time, as shares of the bounds", () => {
    // 16 rows through 0.5 billion weights in f16, in 20 ms.
    const work = workOfStep({ layers: 4e8, head: 1e8 }, 1e9, 16);
    expect(work).toEqual({ bytes: 1e9, flops: 1.6e10 });
    expect(reachedBy(work, 16, 20, bounds)).toEqual({
      tokensPerSecond: 800,
      gigabytesPerSecond: 50,
      gigaflopsPerSecond: 800,
      shareOfBandwidth: { value: 0.5 },
      shareOfPeak: { value: 0.4 },
    });
  });

  it("counts the head once for a prompt", () => {
    expect(workOfPrompt({ layers: 1000, head: 300 }, 2600, 10)).toEqual({ bytes: 2600, flops: 20_600 });
  });

  it("says why a share is not known", () => {
    const { shareOfBandwidth, shareOfPeak } = reachedBy({ bytes: 1, flops: 1 }, 1, 1, {
      bandwidth: unknown("the adapter gave no device"),
      arithmetic: known(0),
    });
    expect(shareOfBandwidth).toEqual({
      value: null,
      why: "the adapter's bound is not known: the adapter gave no device",
    });
    expect(shareOfPeak).toEqual({ value: null, why: "it came out as Infinity" });
  });

  it("has the middle as median", () => {
    expect(median([3, 1, 10])).toBe(3);
    expect(median([4, 1, 2, 10])).toBe(3);
  });
});

describe("what is told of an adapter", () => {
  const info = { vendor: "v", architecture: "a", device: "", description: "d", serial: "secret" };

  it("is what WebGPU tells, and nothing else", () => {
    expect(describeInfo({ ...info, subgroupMinSize: 32, subgroupMaxSize: 64 }, false)).toEqual({
      vendor: "v",
      architecture: "a",
      device: "",
      description: "d",
      subgroupMinSize: 32,
      subgroupMaxSize: 64,
      isFallbackAdapter: null,
      isSoftware: false,
    });
    expect(listFeatures({ features: new Set(["subgroups", "shader-f16"]) })).toEqual([
      "shader-f16",
      "subgroups",
    ]);
    expect(Object.keys(listLimits({ limits: {} as GPUSupportedLimits }))).toContain("maxBufferSize");
  });
});
