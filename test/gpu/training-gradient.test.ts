// The gradient of every parameter of whole models over a ragged batch, against the float64 reference.
import { expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import type { TrainOptions } from "../../src/runtime/train/options.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { parseHeader } from "../../src/files/safetensors.js";
import { expectClose } from "../helpers/expect-close.js";
import { makeSentences, makeTinyModel, type TinyModelOptions } from "../helpers/tiny-model.js";
import { modelGradient } from "../helpers/tolerances.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";
import { gpt2Backward } from "../reference/gpt2-backward.js";

/** w ← w − rate·g: so large that the difference is the gradient, with few of its digits lost. */
const RATE = 4096;

const cases: readonly TinyModelOptions[] = [
  { activation: "gelu_new", tiedHead: true },
  { activation: "gelu", tiedHead: true, channels: 12, heads: 3 },
  { activation: "gelu_new", tiedHead: false, headBias: true },
  { activation: "gelu", tiedHead: false, vocabulary: 37, hidden: 7, layers: 3 },
  { activation: "relu", tiedHead: true, layers: 1, channels: 16, heads: 1 },
];

it.each(cases)("is within 1e-4 of float64: %o", async (own) => {
  await check(own, makeSentences(5, 9, 24, own.vocabulary ?? 13));
});

it("is within 1e-4 of float64 where activations are recomputed", async () => {
  await check({ layers: 4 }, makeSentences(5, 9, 24, 13), { training: { recompute: true } });
});

it("is within 1e-4 of float64 where it is accumulated over batches of one sentence", async () => {
  const sentences = makeSentences(5, 6, 24, 13).filter(({ length }) => length > 1);
  await check({}, sentences, { training: { batchTokens: 1, shares: 1, accumulate: sentences.length } });
});

it("is within 1e-4 of float64 where rows are many enough to be cut into slabs", async () => {
  const watched = await WatchedGpu.create();
  let sums = 0;
  watched.onDevice = (device) => {
    const create = device.createBindGroup.bind(device);
    device.createBindGroup = (descriptor) => {
      if (descriptor.label === "linear.backward-weight-sum") sums++;
      return create(descriptor);
    };
  };
  await check({ layers: 2 }, makeSentences(5, 90, 24, 13), { loading: { gpu: watched.gpu } });
  // Norms and products of two layers but for the head's, on two queues.
  expect(sums).toBe(2 * (2 * 6 + 1));
});

async function check(
  own: TinyModelOptions,
  drawn: readonly number[][],
  more: { readonly loading?: Pick<LoadOptions, "gpu">; readonly training?: Partial<TrainOptions> } = {},
): Promise<void> {
  const tiny = makeTinyModel(own);
  const sentences = drawn.filter(({ length }) => length > 1);
  const { loss, gradients } = gpt2Backward(tiny.config, tiny.weights, sentences);
  await using model = await Model.load(tiny.parts, { queues: 2, ...more.loading });
  const run = model.train(sentences, {
    steps: 1,
    // All sentences, each once.
    batchTokens: sentences.reduce((sum, { length }) => sum + length, 0),
    optimizer: { kind: "sgd" },
    schedule: { peak: RATE, decay: "constant" },
    sliceTokens: 5,
    ...more.training,
  });
  for await (const step of run) {
    expectClose([step.loss], [loss], modelGradient);
    const norm = Math.hypot(...[...gradients.values()].flatMap((values) => [...values]));
    expectClose([step.gradientNorm / norm], [1], modelGradient);
  }
  const after = readWeights((await model.save()).weights);
  expect([...after.keys()].toSorted()).toEqual([...gradients.keys()].toSorted());
  for (const [name, expected] of gradients) {
    const before = tiny.weights.get(name)!;
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
    // In units of the tensor's largest gradient: single elements may cancel to nothing.
    const relative = after.get(name)!.map((value, index) => (before[index]! - value) / RATE / largest);
    expectClose(
      relative,
      expected.map((value) => value / largest),
      modelGradient,
    );
  }
}

function readWeights(file: Uint8Array<ArrayBuffer>): Map<string, Float32Array> {
  const { tensors, dataOffset } = parseHeader(file, "saved");
  return new Map(
    [...tensors].map(([name, { begin, end }]) => [
      name,
      new Float32Array(file.slice(dataOffset + begin, dataOffset + end).buffer),
    ]),
  );
}
