// Plan, parameters, memory and costs of shapes that weft has no kernels for yet, from their recipes alone: numbers of weights
// and bytes of cache are those that are published for them. No GPU.
import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../../../src/families/model-config.js";
import type { Recipe } from "../../../src/families/recipe.js";
import { bytesPerRow, forwardRows, trainingRows } from "../../../src/model/arena/activations.js";
import { defineModel, type ModelDefinition } from "../../../src/model/definition.js";
import { nameOfStep } from "../../../src/model/program.js";
import { planGradients } from "../../../src/model/gradients.js";
import { keyValueRowBytes } from "../../../src/model/shape.js";
import { listFileTensors } from "../../../src/model/weights/file-tensors.js";
import { countNumbers, listParameters, weightBytes } from "../../../src/model/weights/parameters.js";
import { workOf } from "../../../src/model/work.js";
import { countedCost } from "../../../src/plan/cost.js";
import { buildPlan } from "../../../src/plan/plan.js";
import { Scheduler } from "../../../src/schedule/scheduler.js";
import {
  configOf,
  decoderRecipe,
  encoderRecipe,
  familyOf,
  namesOf,
  parallelRecipe,
  type DecoderKind,
  type Sizes,
} from "../../helpers/made-up-families.js";

const sizes = (
  layers: number,
  channels: number,
  [heads, keyValueHeads, headWidth]: readonly [number, number, number],
  hidden: number,
  vocabularySize: number,
  contextLength: number,
): Sizes => ({ layers, channels, heads, keyValueHeads, headWidth, hidden, vocabularySize, contextLength });

const fiveOfSix = (layer: number): number | undefined => ((layer + 1) % 6 === 0 ? undefined : 512);
const gemma: DecoderKind = { normsHeads: true, normsBranches: true, window: fiveOfSix };

/** Sizes, kind, weights, bytes of keys and values per token in f16. */
const decoders: Readonly<Record<string, readonly [Sizes, DecoderKind, number, number]>> = {
  "SmolLM2-135M": [sizes(30, 576, [9, 3, 64], 1536, 49152, 8192), {}, 134_515_008, 23_040],
  "Qwen2.5-0.5B": [
    sizes(24, 896, [14, 2, 64], 4864, 151936, 32768),
    { attentionBias: "always" },
    494_032_768,
    12_288,
  ],
  "Qwen3-0.6B": [
    sizes(28, 1024, [16, 8, 128], 3072, 151936, 40960),
    { normsHeads: true },
    596_049_920,
    114_688,
  ],
  "Gemma-3-270m": [sizes(18, 640, [4, 1, 256], 2048, 262144, 32768), gemma, 268_098_176, 18_432],
  "Gemma-3-1b": [sizes(26, 1152, [4, 1, 256], 6912, 262144, 32768), gemma, 999_885_952, 26_624],
  "Llama-3.2-1B": [sizes(16, 2048, [32, 8, 64], 8192, 128256, 131072), {}, 1_235_814_400, 32_768],
  "Phi-4-mini": [sizes(32, 3072, [24, 8, 128], 8192, 200064, 131072), {}, 3_836_021_760, 131_072],
};

/** Sizes, weights without pooler and heads. */
const encoders: Readonly<Record<string, readonly [Sizes, number]>> = {
  "all-MiniLM-L6-v2": [sizes(6, 384, [12, 12, 32], 1536, 30522, 512), 22_713_216 - 147_840],
  "bge-small-en-v1.5": [sizes(12, 384, [12, 12, 32], 1536, 30522, 512), 33_360_000 - 147_840],
};

const define = (config: ModelConfig, recipe: (own: ModelConfig) => Recipe): ModelDefinition =>
  defineModel({ family: familyOf(recipe, config), config, configFile: {} }, 16);

const parametersOf = ({ config, recipe, names }: ModelDefinition) =>
  listParameters(config, recipe, names, { format: "f16" });

/** What the file holds. */
const countWeights = (model: ModelDefinition): number =>
  parametersOf(model)
    .filter(({ stored }) => stored !== "never")
    .reduce((sum, parameter) => sum + countNumbers(parameter), 0);

describe.each(Object.entries(decoders))("%s", (_, [own, kind, weights, cacheBytes]) => {
  const model = define(configOf(own), (config) => decoderRecipe(config, kind));

  it("has as many weights as are published", () => {
    expect(countWeights(model)).toBe(weights);
    // No width of it is padded; biases that it does not have are zeros in its place.
    expect(weightBytes(parametersOf(model))).toBeGreaterThanOrEqual(2 * weights);
    expect(weightBytes(parametersOf(model))).toBeLessThan(2.02 * weights);
  });

  it("has keys and values of their own width, and activations of three", () => {
    expect(own.layers * keyValueRowBytes(model.shape)).toBe(2 * cacheBytes);
    const rows = forwardRows(model.program, 1);
    const bytesOf = (name: string): number => rows.find((row) => row.name === name)!.bytesPerRow;
    expect(bytesOf("query")).toBe(4 * own.heads * own.headWidth);
    expect(bytesOf("attention")).toBe(4 * own.heads * own.headWidth);
    expect(bytesOf("keyValue-0")).toBe(8 * own.keyValueHeads * own.headWidth);
    expect(bytesOf("residual")).toBe(4 * own.channels);
    expect(bytesOf("gate")).toBe(4 * own.hidden);
    expect(bytesPerRow(forwardRows(model.program, 0))).toBe(bytesPerRow(rows) - bytesOf("keyValue-0"));
  });

  it("is planned, and costs what its matrices multiply", () => {
    const { segments, attention } = workOf(model, "all");
    const matrices = parametersOf(model).filter(({ inputs, role }) => inputs && role !== "tokens");
    const products = matrices.reduce((sum, parameter) => sum + countNumbers(parameter), 0);
    const head = own.channels * own.vocabularySize;
    expect(segments.reduce((sum, work) => sum + work, 0)).toBe(products + head);
    expect(attention.map(({ window }) => window)).toEqual(
      Array.from({ length: own.layers }, (__, layer) => kind.window?.(layer)),
    );
    const lengths = [3, 700, 1];
    const plan = buildPlan({
      lengths,
      layers: own.layers,
      sliceTokens: 64,
      fence: "prefix",
      attentionGrain: "slice",
    });
    const cost = countedCost(workOf(model, "few"));
    const scheduler = new Scheduler(plan, { queues: 2, placement: "affine", cost });
    // The long sentence has a queue to itself.
    const queues = lengths.map((__, sentence) => scheduler.ownership(sentence)[0]!.queue);
    expect(queues).toEqual([1 - queues[1]!, queues[1], 1 - queues[1]!]);
    if (kind.window) expect(cost.attentionMs(600, 1, 700, 0)).toBeLessThan(cost.attentionMs(600, 1, 700, 5));
  });

  it("joins queries, keys and values from three tensors", () => {
    const tensors = listFileTensors(parametersOf(model));
    const [query, key, value] = ["query", "key", "value"].map((name) =>
      tensors.get(`layer.1.${name}.weight`)!,
    );
    const queryWidth = own.heads * own.headWidth;
    expect(query!.shape).toEqual([queryWidth, own.channels]);
    expect(key!.shape).toEqual([own.keyValueHeads * own.headWidth, own.channels]);
    expect(key!.parts[0]!.firstOutput).toBe(queryWidth);
    expect(value!.parts[0]!.firstOutput).toBe(queryWidth + own.keyValueHeads * own.headWidth);
    expect(tensors.has("layer.1.key.bias")).toBe(kind.attentionBias === "always");
  });
});

describe.each(Object.entries(encoders))("%s", (_, [own, weights]) => {
  const model = define(configOf(own, { tokenTypes: 2 }), encoderRecipe);

  it("has as many weights as are published, types of tokens and positions among them, and no head", () => {
    expect(countWeights(model)).toBe(weights);
    expect(parametersOf(model).filter(({ role }) => role === "head")).toEqual([]);
    expect(parametersOf(model).find(({ role }) => role === "tokenTypes")?.layout).toBe("outputs first");
  });

  it("sees all keys of a sentence, which costs more than its past", () => {
    const cost = countedCost(workOf(model, "few"));
    expect(cost.attentionMs(0, 100, 100)).toBeCloseTo(2e-6 * own.channels * 100 * 100, 9);
  });

  it("ends with the rows of its last norm", () => {
    expect(model.program.final).toMatchObject({ name: "norm2", layer: own.layers - 1, isKept: true });
  });
});

describe("bge-reranker-base, whose positions begin at the third row of their table", () => {
  const config = configOf(sizes(12, 768, [12, 12, 64], 3072, 250002, 512), { tokenTypes: 1 });
  const recipe = encoderRecipe(config);
  const { roles, ...names } = namesOf(recipe, config);
  const positions = { parts: [{ of: "positions", first: 2 }] };
  const parameters = listParameters(
    config,
    recipe,
    { ...names, roles: { ...roles, positions } },
    { format: "f32" },
  );

  it("has them from there on, so that no kernel has to know", () => {
    expect(parameters.find(({ role }) => role === "positions")!.outputs.size).toBe(512);
    expect(listFileTensors(parameters).get("positions.weight")!.shape).toEqual([514, 768]);
    const weights = parameters.reduce((sum, parameter) => sum + countNumbers(parameter), 0);
    // Published: with two rows of positions that no token has, and a classifier of two layers.
    expect(weights + 2 * 768 + (768 * 768 + 768) + (768 + 1)).toBe(278_044_417);
  });
});

describe("a layer whose attention and MLP read the same rows", () => {
  const config = configOf(sizes(3, 64, [4, 4, 16], 256, 512, 128), { tiedHead: false });
  const model = define(config, parallelRecipe);

  it("keeps what is read when attention is over", () => {
    const kept = model.program.values.filter(({ isKept, layer }) => isKept && layer === 1);
    expect(kept.map(({ name }) => name)).toEqual(["input", "norm2", "attention"]);
    const names = trainingRows(model.program, planGradients(model.program), model.shape, true).map(
      ({ name }) => name,
    );
    expect(names).toContain("norm2-1");
    expect(names).toContain("norm1");
    expect(names).not.toContain("norm1-1");
  });

  it("gets each gradient once, and whole before it is used", () => {
    const { flowOf, zeroed } = planGradients(model.program);
    expect(zeroed.map(({ name }) => name)).toEqual(["finalNorm"]);
    const [after, before] = [model.program.segments[2]!.after, model.program.segments[1]!.before];
    const flows = Object.fromEntries(
      [...after, ...before].flatMap((step) =>
        "input" in step ? [[nameOfStep(step.step), flowOf(step)] as const] : [],
      ),
    );
    // What attention gives is added, then what the MLP gives: the gradient behind the two is that of both.
    expect(flows["projection"]!.source.name).toBe("input");
    expect(flows["projection"]!.source.layer).toBe(2);
    expect(flows["down"]!.source).toBe(flows["projection"]!.source);
    // Both norms read the layer's input: the first in the backward pass takes along what passes by, the other adds.
    expect(flows["norm2"]).toMatchObject({ adds: true, copiedFrom: { name: "input", layer: 2 } });
    expect(flows["norm1"]).toMatchObject({ adds: true, copiedFrom: undefined });
  });
});
