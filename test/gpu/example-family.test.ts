// A family that was added by one file of data (helpers/example-family.ts, walked through in EXTENDING.md) computes, is trained,
// is saved and is loaded again, against float64 and without a line of code elsewhere.
import { expect, it } from "vitest";
import { FormatError } from "../../src/errors.js";
import { families } from "../../src/families/encoders/all-families.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import { parseHeader } from "../../src/files/safetensors.js";
import { disposeLoaded, type LoadedModel } from "../../src/runtime/load/loaded-model.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { runForwardPass } from "../../src/runtime/passes/forward-pass.js";
import { saveModel } from "../../src/runtime/save-model.js";
import type { TrainOptions } from "../../src/runtime/train/options.js";
import { TrainingRun } from "../../src/runtime/train/run.js";
import { centralDifferences } from "../helpers/central-difference.js";
import { twin } from "../helpers/example-family.js";
import { expectClose } from "../helpers/expect-close.js";
import { randomFloats } from "../helpers/random.js";
import { rejection } from "../helpers/rejection.js";
import { makeSentences } from "../helpers/tiny-model.js";
import { gradientByDifferences, modelGradient, modelLogits } from "../helpers/tolerances.js";
import { unrecoverable } from "../helpers/unrecoverable.js";
import { geluErf } from "../reference/activation.js";
import { attentionForward } from "../reference/attention.js";
import { embeddingForward } from "../reference/embedding.js";
import { normForward } from "../reference/norm.js";
import { linearForward } from "../reference/linear.js";
import { logSoftmax } from "../reference/log-softmax.js";

const [C, heads, F, V, contextLength, layers] = [10, 2, 18, 13, 12, 3];
const config = {
  model_type: "twin",
  hidden_size: C,
  num_attention_heads: heads,
  num_hidden_layers: layers,
  intermediate_size: F,
  vocab_size: V,
  max_position_embeddings: contextLength,
  hidden_act: "gelu",
};

type Weights = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

const shapes = new Map<string, readonly number[]>([
  ["embed.tokens.weight", [V, C]],
  ["embed.positions.weight", [contextLength, C]],
  ...Array.from({ length: layers }, (_, layer): [string, readonly number[]][] => [
    [`layers.${layer}.norm.weight`, [C]],
    [`layers.${layer}.norm.bias`, [C]],
    [`layers.${layer}.attention.query.weight`, [C, C]],
    [`layers.${layer}.attention.key.weight`, [C, C]],
    [`layers.${layer}.attention.value.weight`, [C, C]],
    [`layers.${layer}.mlp.up.weight`, [F, C]],
    [`layers.${layer}.attention.out.weight`, [C, C]],
    [`layers.${layer}.mlp.down.weight`, [C, F]],
  ]).flat(),
  ["norm.weight", [C]],
  ["norm.bias", [C]],
  ["head.weight", [V, C]],
]);

const weights: Weights = new Map(
  [...shapes].map(([name, shape], seed) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const isGain = name.endsWith("norm.weight");
    const values = randomFloats(seed, count, shape.length === 1 ? 0.1 : 0.15);
    return [name, isGain ? values.map((value) => 1 + value) : values] as const;
  }),
);

const parts = {
  config,
  weights: writeSafetensors(
    [...weights].map(([name, values]) => ({
      name: `model.${name}`,
      dtype: "F32",
      shape: shapes.get(name)!,
      bytes: new Uint8Array(values.buffer),
    })),
  ),
};

const sentences = makeSentences(3, 8, contextLength, V).filter(({ length }) => length > 1);

const load = (options: LoadOptions = {}, source: object = parts): Promise<LoadedModel> =>
  loadModel(source as typeof parts, options, undefined, [...families, twin]);

it("gives the float64 logits, with the same bits in slices", async () => {
  const expected = sentences.map((ids) => reference(weights, ids));
  const whole = await logitsOf(await load());
  for (const [index, own] of whole.entries()) expectClose(own, expected[index]!, modelLogits);
  for (const k of [1, 3]) expect(await logitsOf(await load({ queues: 2 }), k)).toEqual(whole);
});

it("has the gradients that differences of the reference show", async () => {
  const rate = 4096;
  const loss = (name: string, values: ArrayLike<number>): number =>
    meanLoss(new Map<string, ArrayLike<number>>(weights).set(name, values));
  const { model, losses } = await train({
    steps: 1,
    optimizer: { kind: "sgd", clipNorm: 1e30 },
    schedule: { peak: rate, decay: "constant" },
  });
  expectClose(losses, [meanLoss(weights)], modelGradient);
  const after = await readSaved(model);
  for (const [name, before] of weights) {
    const entries = [0, Math.floor(before.length / 3), before.length - 1];
    const expected = centralDifferences((values) => loss(name, values), before, entries);
    const gradient = entries.map((entry) => (before[entry]! - after.get(name)![entry]!) / rate);
    expectClose(gradient, expected, gradientByDifferences);
  }
});

it("learns with the same bits whatever k is, and where activations are formed again", async () => {
  const usual = await train({ steps: 3 });
  expect(usual.losses[2]).toBeLessThan(usual.losses[0]!);
  const saved = await readSaved(usual.model);
  for (const own of [{ sliceTokens: 3 }, { recompute: true, sliceTokens: 5 }]) {
    const other = await train({ steps: 3, ...own });
    expect(other.losses, JSON.stringify(own)).toEqual(usual.losses);
    expect(await readSaved(other.model), JSON.stringify(own)).toEqual(saved);
  }
});

it("is saved under its own names, and loads again to the same bits", async () => {
  const model = await load();
  const saved = await saveModel(model);
  disposeLoaded(model);
  const { tensors } = parseHeader(saved.weights, "saved");
  expect([...tensors.keys()].toSorted()).toEqual([...shapes.keys()].toSorted());
  expect(await logitsOf(await load({}, saved))).toEqual(await logitsOf(await load()));
});

it("is unknown without its file, and what it does not compute is refused by name", async () => {
  const unknown = await rejection(loadModel(parts, {}));
  expect(unknown).toBeInstanceOf(FormatError);
  expect(String(unknown)).toMatch(/model_type: expected a type that weft runs, received "twin"/);
  const scaled = await rejection(load({}, { ...parts, config: { ...config, scale_embeddings: true } }));
  expect(String(scaled)).toMatch(/scale_embeddings: expected false, received true/);
});

async function logitsOf(model: LoadedModel, sliceTokens: number | "auto" = "auto"): Promise<Float32Array[]> {
  const { values } = await runForwardPass(model, {
    tokens: sentences.map((ids) => Uint32Array.from(ids)),
    output: { kind: "all" },
    sliceTokens,
    fence: "sentence",
    placement: "auto",
    queues: model.info.queues,
    trace: false,
    gpuBudgetMs: undefined,
    signal: undefined,
  });
  disposeLoaded(model);
  return [...values];
}

async function train(
  options: Partial<TrainOptions>,
): Promise<{ readonly model: LoadedModel; readonly losses: number[] }> {
  const model = await load({ queues: 2 });
  const run = new TrainingRun(
    {
      ...unrecoverable(model),
      encode: (own) => Promise.resolve([...(own as readonly number[][])]),
      evaluate: () => Promise.resolve(0),
      exclusive: (update) => update(),
    },
    sentences,
    { steps: 1, batchTokens: sentences.flat().length, schedule: { peak: 1e-2 }, ...options },
  );
  const losses: number[] = [];
  for await (const { loss } of run) losses.push(loss);
  return { model, losses };
}

async function readSaved(model: LoadedModel): Promise<Map<string, Float32Array>> {
  const { weights: file } = await saveModel(model);
  disposeLoaded(model);
  const { tensors, dataOffset } = parseHeader(file, "saved");
  return new Map(
    [...tensors].map(([name, { begin, end }]) => [
      name,
      new Float32Array(file.slice(dataOffset + begin, dataOffset + end).buffer),
    ]),
  );
}

/** Logits (T, V) in float64. */
function reference(own: ReadonlyMap<string, ArrayLike<number>>, ids: readonly number[]): Float64Array {
  const weight = (name: string): ArrayLike<number> => own.get(name)!;
  const linear = (name: string, x: Float64Array, N: number, K: number): Float64Array =>
    linearForward({ x, weight: weight(`${name}.weight`), N, K });
  const norm = (name: string, x: Float64Array): Float64Array =>
    normForward({ x, weight: weight(`${name}.weight`), bias: weight(`${name}.bias`), C, epsilon: 1e-5 });
  const tables = {
    tokenTable: weight("embed.tokens.weight"),
    positionTable: weight("embed.positions.weight"),
  };
  let x = embeddingForward({ ids, ...tables, C });
  for (let layer = 0; layer < layers; layer++) {
    const name = `layers.${layer}`;
    const normed = norm(`${name}.norm`, x);
    const [q, k, v] = ["query", "key", "value"].map((part) =>
      linear(`${name}.attention.${part}`, normed, C, C),
    ) as [Float64Array, Float64Array, Float64Array];
    const mixed = attentionForward({ q, k, v, heads, D: C / heads, causal: true });
    const attended = linear(`${name}.attention.out`, mixed, C, C);
    const hidden = linear(`${name}.mlp.up`, normed, F, C).map(geluErf);
    const mlp = linear(`${name}.mlp.down`, hidden, C, F);
    x = x.map((value, index) => value + attended[index]! + mlp[index]!);
  }
  return linear("head", norm("norm", x), V, C);
}

/** Mean cross-entropy over all targets of the batch, in nats. */
function meanLoss(own: ReadonlyMap<string, ArrayLike<number>>): number {
  let [sum, targets] = [0, 0];
  for (const ids of sentences) {
    const rows = logSoftmax(reference(own, ids), V);
    for (const [token, id] of ids.slice(1).entries()) sum -= rows[token * V + id]!;
    targets += ids.length - 1;
  }
  return sum / targets;
}
