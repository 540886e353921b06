// Whole models with awkward sizes on real execution, through the public Model, against the float64 reference.
import { describe, expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { readModelConfig } from "../../src/families/registry.js";
import { defineModel } from "../../src/model/definition.js";
import { listFileTensors } from "../../src/model/weights/file-tensors.js";
import { listParameters } from "../../src/model/weights/parameters.js";
import { readWeights } from "../../src/model/weights/read-weights.js";
import { MemoryFolder } from "../../src/files/memory-folder.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import { expectClose } from "../helpers/expect-close.js";
import {
  makeSentences,
  makeTinyModel,
  type TinyModel,
  type TinyModelOptions,
} from "../helpers/tiny-model.js";
import { exact, modelLogits } from "../helpers/tolerances.js";
import { gpt2Forward } from "../reference/gpt2.js";
import { logSoftmax } from "../reference/log-softmax.js";

/** Everything a model gives for `sentences`, as lists of numbers. */
interface Values {
  readonly all: readonly ArrayLike<number>[];
  readonly last: readonly ArrayLike<number>[];
  readonly hidden: readonly ArrayLike<number>[];
  readonly logProbabilities: readonly ArrayLike<number>[];
}

async function compute(
  tiny: TinyModel,
  sentences: readonly number[][],
  options: LoadOptions = {},
): Promise<Values & { readonly buffers: number }> {
  using model = await Model.load(tiny.parts, options);
  const { buffers } = model.memory()[0]!;
  const all = await model.forward(sentences, { output: "all" });
  const last = await model.forward(sentences, { output: "last" });
  const { hidden } = await model.forward(sentences, { output: "hidden" });
  const scores = await model.score(sentences.filter(({ length }) => length > 1));
  for (const { logProbabilities, sum, mean, perplexity } of scores) {
    expectClose([sum], [logProbabilities.reduce((total, value) => total + value, 0)], modelLogits);
    expectClose([mean, perplexity], [sum / logProbabilities.length, Math.exp(-mean)], modelLogits);
  }
  const logProbabilities = scores.map((score) => score.logProbabilities);
  return { all: all.logits, last: last.logits, hidden, logProbabilities, buffers };
}

function computeReference(tiny: TinyModel, sentences: readonly number[][]): Values {
  const V = tiny.config["vocab_size"] as number;
  const results = sentences.map((ids) => gpt2Forward(tiny.config, tiny.weights, ids));
  return {
    all: results.map(({ logits }) => logits),
    last: results.map(({ logits }) => logits.slice(-V)),
    hidden: results.map(({ hidden }) => hidden),
    logProbabilities: results.flatMap(({ logits }, index) => {
      const ids = sentences[index]!;
      const rows = logSoftmax(logits, V);
      return ids.length < 2 ? [] : [ids.slice(1).map((id, token) => rows[token * V + id]!)];
    }),
  };
}

function expectSame(actual: Values, expected: Values, tolerance: typeof exact): void {
  for (const name of ["all", "last", "hidden", "logProbabilities"] as const) {
    expect(actual[name].length).toBe(expected[name].length);
    actual[name].forEach((values, index) => expectClose(values, expected[name][index]!, tolerance));
  }
}

describe("a tiny model agrees with float64", () => {
  const cases: Readonly<Record<string, TinyModelOptions>> = {
    "with gelu_new and a tied head": {},
    "with gelu and a head of its own, stored as float16": {
      activation: "gelu",
      tiedHead: false,
      dtype: "F16",
    },
    "with gelu_pytorch_tanh and a bias of the tied head": { activation: "gelu_pytorch_tanh", headBias: true },
    'with relu, a head with bias, bfloat16 and the prefix "transformer."': {
      activation: "relu",
      tiedHead: false,
      headBias: true,
      dtype: "BF16",
      prefix: "transformer.",
    },
    "with one layer, one head and a width of 1": { layers: 1, heads: 1, channels: 1, hidden: 1 },
    "with three heads of width 3": { channels: 9, heads: 3, hidden: 7, vocabulary: 2 },
    "narrower inside the MLP than outside": { channels: 24, heads: 2, hidden: 3, vocabulary: 129 },
  };
  it.each(Object.entries(cases))("%s", async (_, options) => {
    const tiny = makeTinyModel(options);
    const sentences = makeSentences(7, 6, 24, tiny.config["vocab_size"] as number);
    expectSame(await compute(tiny, sentences), computeReference(tiny, sentences), modelLogits);
  });
});

describe("a vocabulary larger than one binding", () => {
  const options: TinyModelOptions = { vocabulary: 301, tiedHead: false, headBias: true };
  const maxBindingBytes = 4096;

  it("is split, agrees with float64 and has the bits of the one that is not", async () => {
    const tiny = makeTinyModel(options);
    // At most 30 tokens: the activations too have to fit such a binding.
    const sentences = makeSentences(8, 3, 12, 301);
    const split = await compute(tiny, sentences, { maxBindingBytes });
    const whole = await compute(tiny, sentences);
    expectSame(split, whole, exact);
    expectSame(split, computeReference(tiny, sentences), modelLogits);
    // (12, 304) f32 in bindings of at most 84 tokens: embedding, head and bias in 4 pieces each.
    expect(split.buffers - whole.buffers).toBe(9);
  });
});

describe("a model in several files", () => {
  it("streams the tensors of all of them", async () => {
    const tiny = makeTinyModel();
    const files = { "a-1.safetensors": tiny.tensors.slice(0, 9), "a-2.safetensors": tiny.tensors.slice(9) };
    const folder = new MemoryFolder(
      new Map<string, object>([
        [
          "model.safetensors.index.json",
          {
            weight_map: Object.fromEntries(
              Object.entries(files).flatMap(([file, list]) => list.map(({ name }) => [name, file])),
            ),
          },
        ],
        ...Object.entries(files).map(([file, list]) => [file, writeSafetensors(list)] as const),
      ]),
    );
    const read = new Map<string, Float32Array>();
    const { config, recipe, names } = defineModel(readModelConfig(tiny.config), 4);
    const tensors = listFileTensors(listParameters(config, recipe, names, { format: "f32" }));
    for await (const { tensor, values } of readWeights(folder, tensors, names)) read.set(tensor.key, values);
    expect([...read.keys()].toSorted()).toEqual([...tiny.weights.keys()].toSorted());
    for (const [key, values] of read) expectClose(values, tiny.weights.get(key)!, exact);
  });
});
