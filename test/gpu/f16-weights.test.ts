// Models whose matrices are stored as f16, on real execution: the bits of f32 storage wherever nothing was rounded.
import { describe, expect, it } from "vitest";
import { ArgumentError, DeviceError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { float32ToFloat16, toFloat32 } from "../../src/tensor/formats.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import { expectClose } from "../helpers/expect-close.js";
import { rejection } from "../helpers/rejection.js";
import {
  makeSentences,
  makeTinyModel,
  type TinyModel,
  type TinyModelOptions,
} from "../helpers/tiny-model.js";
import { modelLogits } from "../helpers/tolerances.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";
import { gpt2Forward } from "../reference/gpt2.js";

/** Logits, final rows, log-probabilities and, where a step of generation fits a binding, generated tokens, as bits. */
async function bitsOf(tiny: TinyModel, options: LoadOptions): Promise<Uint32Array[]> {
  const V = tiny.config["vocab_size"] as number;
  // One sentence alone has few rows, all together have many, and fit the bindings of the smallest adapter below.
  const sentences = makeSentences(8, 3, 12, V);
  await using model = await Model.load(tiny.parts, options);
  const { logits } = await model.forward(sentences, { output: "all" });
  const alone = await model.forward(sentences.slice(0, 1));
  const { hidden } = await model.forward(sentences, { output: "hidden" });
  const scores = await model.score(sentences.slice(1));
  const tokens = options.maxBindingBytes
    ? []
    : (await model.generate([1, 2, 1], { temperature: 0, maxTokens: 9 })).tokens;
  const floats = [...logits, ...alone.logits, ...hidden, ...scores.map((score) => score.logProbabilities)];
  return [
    ...floats.map((own) => new Uint32Array(own.buffer, own.byteOffset, own.length)),
    Uint32Array.from(tokens),
  ];
}

/** The model with every matrix rounded to f16, as the reference reads it. */
function rounded(tiny: TinyModel): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(
    [...tiny.weights].map(([name, values]) => {
      // Learned positions are added, not multiplied: they stay f32.
      const { shape } = tiny.tensors.find((tensor) => tensor.name === name)!;
      const isMatrix = shape.length === 2 && !name.endsWith("wpe.weight");
      const halves = new Uint8Array(float32ToFloat16(values).buffer);
      return [name, isMatrix ? toFloat32(halves, "F16") : values];
    }),
  );
}

describe.each([
  ["F16", "f16"],
  ["BF16", "bf16"],
] as const)("weights that are %s in the files", (dtype, weights) => {
  const cases: Readonly<Record<string, [TinyModelOptions, LoadOptions]>> = {
    "with a tied head": [{}, {}],
    "with a head of its own, a bias and relu": [
      { tiedHead: false, headBias: true, activation: "relu", channels: 24, hidden: 36 },
      {},
    ],
    "with a vocabulary in several bindings": [
      { vocabulary: 301, tiedHead: false },
      { maxBindingBytes: 4096 },
    ],
    "on two queues": [{ activation: "gelu" }, { queues: 2 }],
  };
  it("stay so on the GPU, and are trained as f32 only", async () => {
    const tiny = makeTinyModel({ dtype });
    await using model = await Model.load(tiny.parts);
    await using plain = await Model.load(tiny.parts, { weights: "f32" });
    expect([model.info.weights, plain.info.weights]).toEqual([weights, "f32"]);
    expect(model.info.weightBytes).toBeLessThan(0.7 * plain.info.weightBytes);
    expect(() => model.train([[1, 2, 3]], { steps: 1 })).toThrow(/weights "f32"/);
    for await (const { loss } of plain.train([[1, 2, 3]], { steps: 1 })) expect(loss).toBeGreaterThan(0);
  });

  it.each(Object.entries(cases))("give the bits of f32 storage, %s", async (_, [options, load]) => {
    const tiny = makeTinyModel({ ...options, dtype });
    expect(await bitsOf(tiny, load)).toEqual(await bitsOf(tiny, { ...load, weights: "f32" }));
  });
});

describe("weights that are f32 in the files", () => {
  it("are rounded in matrices only", async () => {
    const tiny = makeTinyModel({ headBias: true });
    const weights = rounded(tiny);
    const sentences = makeSentences(3, 4, 20, 13);
    await using model = await Model.load(tiny.parts, { weights: "f16" });
    const { adapter } = model.info;
    console.info(`shader-f16 on ${adapter.description}: ${adapter.hasShaderF16 ? "yes" : "no, unpacked"}`);
    const { logits } = await model.forward(sentences, { output: "all" });
    for (const [index, ids] of sentences.entries())
      expectClose(logits[index]!, gpt2Forward(tiny.config, weights, ids).logits, modelLogits);
  });

  it("are saved as they were rounded, and load with the same bits", async () => {
    const tiny = makeTinyModel({ tiedHead: false, headBias: true });
    await using model = await Model.load(tiny.parts, { weights: "f16" });
    const saved = await model.save();
    const expected = rounded(tiny);
    await using again = await Model.load(saved);
    expect((await again.save()).weights).toEqual(saved.weights);
    const [ids] = makeSentences(3, 1, 20, 13);
    const [own, other] = [await model.forward([ids!]), await again.forward([ids!])];
    expect(own.logits).toEqual(other.logits);
    expectClose(own.logits[0]!, gpt2Forward(tiny.config, expected, ids!).logits.slice(-13), modelLogits);
  });

  it("are refused beyond the range of f16, with nothing left allocated", async () => {
    const tiny = makeTinyModel();
    const tensors = tiny.tensors.map((tensor) => {
      if (tensor.name !== "h.1.mlp.c_fc.weight") return tensor;
      const values = toFloat32(tensor.bytes.slice(), "F32");
      values[5] = -65520;
      return { ...tensor, bytes: new Uint8Array(values.buffer) };
    });
    const parts = { ...tiny.parts, weights: writeSafetensors(tensors) };
    const watched = await WatchedGpu.create();
    const error = await rejection(Model.load(parts, { weights: "f16", gpu: watched.gpu }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(
      /weights: expected "f32", as tensor "h\.1\.mlp\.c_fc\.weight" holds -65520 .*65504, received "f16"\. Load/,
    );
    await watched.allClosed();
    (await Model.load(parts)).dispose();
  });
});

describe("memory", () => {
  it("is half that of f32 matrices, known before anything is allocated, and freed", async () => {
    const tiny = makeTinyModel({ channels: 32, hidden: 64, vocabulary: 200 });
    const model = await Model.load(tiny.parts, { weights: "f16" });
    const { weightBytes, weights } = model.info;
    expect(weights).toBe("f16");
    using whole = await Model.load(tiny.parts);
    // Vectors and learned positions stay f32.
    const others = tiny.tensors.filter(
      ({ name, shape }) => shape.length === 1 || name.endsWith("wpe.weight"),
    );
    const numbers = others.reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    const otherBytes = 4 * (numbers + 200); // and the head's bias
    expect(weightBytes - otherBytes).toBe((whole.info.weightBytes - otherBytes) / 2);
    (await Model.load(tiny.parts, { weights: "f16", memoryBudgetBytes: weightBytes })).dispose();
    const error = await rejection(
      Model.load(tiny.parts, { weights: "f16", memoryBudgetBytes: weightBytes - 1 }),
    );
    expect(error).toBeInstanceOf(DeviceError);
    model.dispose();
    expect(model.memory()[0]).toMatchObject({ buffers: 0, bytes: 0 });
  });
});

it("refuses to train, and says what to load instead", async () => {
  using model = await Model.load(makeTinyModel().parts, { weights: "f16" });
  expect(() => model.train([[1, 2, 3]], { steps: 1 })).toThrow(
    /model: expected .*float32.*received "f16"\. Load the model with weights "f32"/,
  );
});
