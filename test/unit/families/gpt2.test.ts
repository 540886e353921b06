// GPT-2's config.json and tensor names: what is read, what is refused and how that is said.
import { describe, expect, it } from "vitest";
import { FormatError, ShapeError } from "../../../src/errors.js";
import { float32ToFloat16, toFloat32 } from "../../../src/tensor/formats.js";
import { gpt2 } from "../../../src/families/gpt2.js";
import type { ModelConfig } from "../../../src/families/model-config.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { readRequiredJson } from "../../../src/files/model-folder.js";
import { listFileTensors, TensorMatcher, type FileTensor } from "../../../src/model/weights/file-tensors.js";
import { listParameters } from "../../../src/model/weights/parameters.js";
import { readWeights, type FileWeight } from "../../../src/model/weights/read-weights.js";
import type { StoredTensor } from "../../../src/files/safetensors.js";
import { writeSafetensors } from "../../../src/files/safetensors-writer.js";
import { openModelFolder } from "../../../src/files/source.js";
import { expectClose } from "../../helpers/expect-close.js";
import { randomFloats } from "../../helpers/random.js";
import { describeWithModel, sharedPath } from "../../helpers/shared-models.js";
import { exact } from "../../helpers/tolerances.js";
import { readSafetensors } from "../../reference/read-safetensors.js";
import { ChunkedFolder } from "../files/folder-fake.js";
import { collect, rejection } from "../files/outcome.js";

const json = { model_type: "gpt2", vocab_size: 7, n_positions: 5, n_embd: 6, n_layer: 2, n_head: 3 };
const configOf = (config: unknown, fileName?: string): ModelConfig =>
  readModelConfig(config, fileName).config;
const tied = configOf(json);
const untied = configOf({ ...json, tie_word_embeddings: false });

const tensorsOf = (config: ModelConfig): ReadonlyMap<string, FileTensor> =>
  listFileTensors(listParameters(config, gpt2.recipe(config), gpt2.tensors(config), { format: "f32" }));
const matcherOf = (config: ModelConfig): TensorMatcher =>
  new TensorMatcher(tensorsOf(config), gpt2.tensors(config));

describe("the configuration", () => {
  it("fills in what Hugging Face's files may leave out", () => {
    expect(configOf(json)).toEqual({
      modelType: "gpt2",
      vocabularySize: 7,
      contextLength: 5,
      channels: 6,
      layers: 2,
      heads: 3,
      keyValueHeads: 3,
      headWidth: 2,
      hidden: 24,
      activation: "gelu_new",
      normEpsilon: 1e-5,
      tokenTypes: 0,
      tiedHead: true,
      endTokens: [],
      beginToken: undefined,
    } satisfies ModelConfig);
  });

  it.each([
    [{ n_inner: null }, { hidden: 24 }],
    [{ n_inner: 10 }, { hidden: 10 }],
    [{ n_positions: undefined, n_ctx: 9 }, { contextLength: 9 }],
    [{ n_ctx: 9 }, { contextLength: 5 }],
    [{ activation_function: "gelu" }, { activation: "gelu" }],
    [{ activation_function: "relu" }, { activation: "relu" }],
    [{ activation_function: "gelu_pytorch_tanh" }, { activation: "gelu_pytorch_tanh" }],
    [{ layer_norm_epsilon: 1e-6 }, { normEpsilon: 1e-6 }],
    [{ tie_word_embeddings: false }, { tiedHead: false }],
    [
      { eos_token_id: 6, bos_token_id: 0 },
      { endTokens: [6], beginToken: 0 },
    ],
    [
      { eos_token_id: null, bos_token_id: 50256 },
      { endTokens: [], beginToken: undefined },
    ],
    [{ eos_token_id: [1, 50256, 3] }, { endTokens: [1, 3] }],
    [{ model_type: undefined, architectures: ["GPT2Model"] }, { layers: 2 }],
    [{ architectures: ["GPT2LMHeadModel"], scale_attn_weights: true, n_ctx: null }, { layers: 2 }],
  ])("reads %j", (changes, expected) => {
    expect(configOf({ ...json, ...changes })).toMatchObject(expected);
  });

  it.each([
    [{ vocab_size: undefined }, "vocab_size: expected a whole number above 0, received nothing"],
    [{ n_positions: undefined }, "n_ctx: expected a whole number above 0, received nothing"],
    [{ n_embd: "6" }, 'n_embd: expected a whole number above 0, received "6"'],
    [{ n_layer: 0 }, "n_layer: expected a whole number above 0, received 0"],
    [{ n_layer: 2e6 }, "n_layer: expected a whole number from 1 to 10000, received 2000000"],
    [{ n_embd: 2 ** 53 }, "n_embd: expected a whole number above 0, received 9007199254740992"],
    [{ n_embd: 2 ** 40 }, "n_embd: expected a whole number from 1 to 2147483647, received 1099511627776"],
    [{ n_head: 1.5 }, "n_head: expected a whole number above 0, received 1.5"],
    [{ n_head: 4 }, "n_head: expected a divisor of n_embd = 6, received 4"],
    [{ n_inner: -1 }, "n_inner: expected a whole number above 0, received -1"],
    [{ model_type: "mamba" }, 'model_type: expected a type that weft runs, received "mamba"'],
    [{ model_type: undefined }, "model_type: expected a type that weft runs, received nothing"],
    [
      { model_type: undefined, architectures: ["T5Model"] },
      'architectures: expected a model that weft runs, received ["T5Model"]',
    ],
    [
      { architectures: ["GPT2ForSequenceClassification"] },
      'architectures: expected one of GPT2LMHeadModel, GPT2Model, received ["GPT2ForSequenceClassification"]',
    ],
    [
      { architectures: "GPT2Model" },
      'architectures: expected one of GPT2LMHeadModel, GPT2Model, received "GPT2Model"',
    ],
    [
      { activation_function: "silu" },
      'activation_function: expected gelu_new, gelu, gelu_pytorch_tanh, relu, received "silu"',
    ],
    [{ layer_norm_epsilon: 0 }, "layer_norm_epsilon: expected a number above 0, received 0"],
    [{ tie_word_embeddings: "yes" }, 'tie_word_embeddings: expected true or false, received "yes"'],
    [{ scale_attn_weights: false }, "scale_attn_weights: expected true, received false"],
    [
      { scale_attn_by_inverse_layer_idx: true },
      "scale_attn_by_inverse_layer_idx: expected false, received true",
    ],
    [{ add_cross_attention: true }, "add_cross_attention: expected false, received true"],
    [{ eos_token_id: "1" }, 'eos_token_id: expected a token id, a list of them, or null, received "1"'],
    [{ bos_token_id: [1] }, "bos_token_id: expected a token id or null, received [1]"],
  ])("refuses %j", (changes, problem) => {
    const call = (): ModelConfig => configOf({ ...json, ...changes });
    expect(call).toThrow(FormatError);
    expect(call).toThrow(`config.json: ${problem}. weft `);
  });

  it("refuses what is nested too deeply to be shown", () => {
    const nested: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
    expect(() => configOf(nested)).toThrow(FormatError);
    expect(() => configOf({ ...json, n_layer: nested })).toThrow(
      /n_layer: .* received an array that is nested/,
    );
  });

  it("names the first of thousands of tensors that are missing, and how many more there are", () => {
    const matcher = matcherOf({ ...tied, layers: 5000 });
    expect(() => matcher.expectComplete()).toThrow(/none of wte\.weight, .*h\.0\..* and 59992 more\. The/);
  });

  it.each([[null], [[]], ["text"]])("refuses %j in place of an object, naming the file", (value) => {
    expect(() => configOf(value, "other.json")).toThrow(
      /^other\.json: expected an object, received .*\. Pass/,
    );
  });
});

describe("the tensors of its files", () => {
  it("are 4, 12 per layer and the optional head", () => {
    const tensors = tensorsOf(tied);
    expect([...tensors.values()].filter(({ isRequired }) => isRequired)).toHaveLength(4 + 2 * 12);
    expect(tensors.has("lm_head.weight")).toBe(false);
    expect(tensors.get("lm_head.bias")).toMatchObject({ shape: [7], isRequired: false });
    expect(tensorsOf(untied).get("lm_head.weight")).toMatchObject({ shape: [7, 6], isRequired: true });
    expect(tensors.get("h.1.attn.c_attn.weight")).toMatchObject({
      shape: [6, 18],
      outputs: 18,
      inputs: 6,
      order: "in,out",
      isRequired: true,
    });
    expect(tensors.get("h.0.mlp.c_proj.weight")?.shape).toEqual([24, 6]);
    expect(tensors.get("wpe.weight")?.shape).toEqual([5, 6]);
  });

  it("come in the order of the computation, a weight before its bias", () => {
    expect([...tensorsOf(untied).keys()].filter((key) => !key.startsWith("h.1"))).toEqual([
      "wte.weight",
      "wpe.weight",
      ...["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"].flatMap((part) => [
        `h.0.${part}.weight`,
        `h.0.${part}.bias`,
      ]),
      "ln_f.weight",
      "ln_f.bias",
      "lm_head.weight",
      "lm_head.bias",
    ]);
  });
});

describe("matching names", () => {
  const norm = { dtype: "F32", shape: [6] };

  it("matches names with and without the prefix", () => {
    const names = matcherOf(untied);
    expect(names.match({ name: "transformer.h.1.ln_1.bias", ...norm })?.tensor.key).toBe("h.1.ln_1.bias");
    expect(names.match({ name: "h.0.ln_1.bias", ...norm })?.tensor.key).toBe("h.0.ln_1.bias");
    expect(names.match({ name: "lm_head.weight", dtype: "BF16", shape: [7, 6] })?.dtype).toBe("BF16");
  });

  it("passes over mask buffers and the copy of a tied head, and lists what it does not know", () => {
    const names = matcherOf(tied);
    const unused = [
      { name: "h.0.attn.bias", dtype: "U8", shape: [1, 1, 5, 5] },
      { name: "transformer.h.1.attn.masked_bias", dtype: "F32", shape: [] },
      { name: "lm_head.weight", dtype: "F32", shape: [7, 6] },
      { name: "h.2.ln_1.bias", ...norm },
      { name: "score.weight", dtype: "I64", shape: [1] },
    ];
    expect(unused.map((tensor) => names.match(tensor))).toEqual(unused.map(() => undefined));
    expect(names.unexpected).toEqual(["h.2.ln_1.bias", "score.weight"]);
  });

  it.each([
    [{ dtype: "F32", shape: [18, 6] }, "F32 [18, 6]"],
    [{ dtype: "F32", shape: [108] }, "F32 [108]"],
    [{ dtype: "I32", shape: [6, 18] }, "I32 [6, 18]"],
  ])("refuses %j for a matrix of 6 × 18", (stored, received) => {
    const match = (): unknown => matcherOf(untied).match({ name: "h.0.attn.c_attn.weight", ...stored });
    expect(match).toThrow(ShapeError);
    expect(match).toThrow(
      `Tensor "h.0.attn.c_attn.weight": expected F32, F16 or BF16 [6, 18], received ${received}. The weights and`,
    );
  });

  it("refuses a tensor that comes twice under two names", () => {
    const names = matcherOf(untied);
    names.match({ name: "ln_f.bias", ...norm });
    const again = (): unknown => names.match({ name: "transformer.ln_f.bias", ...norm });
    expect(again).toThrow(FormatError);
    expect(again).toThrow(
      /expected each tensor once, received "ln_f\.bias" and "transformer\.ln_f\.bias"\. Export/,
    );
  });

  it("names all required tensors that are missing, and what came instead", () => {
    const names = matcherOf(untied);
    for (const { key, shape } of tensorsOf(untied).values()) {
      if (!key.startsWith("ln_f.")) names.match({ name: key, dtype: "F32", shape });
    }
    names.match({ name: "norm.bias", ...norm });
    expect(() => names.expectComplete()).toThrow(FormatError);
    expect(() => names.expectComplete()).toThrow(
      /received none of ln_f\.weight, ln_f\.bias; unexpected: norm\.bias\. The weights and config\.json are/,
    );
  });
});

describe("reading weights", () => {
  it.each([
    ["F32", ""],
    ["F16", "transformer."],
  ] as const)("gives every weight of a %s file with the prefix %j", async (dtype, prefix) => {
    const tensors = makeTensors(dtype, prefix);
    const weights = await read(tensors);
    expect(weights).toHaveLength(tensors.length);
    for (const { tensor, values } of weights) {
      const stored = tensors.find(({ name }) => name.endsWith(tensor.key))!;
      expect(tensor.shape).toEqual(stored.shape);
      expectClose(values, toFloat32(stored.bytes, dtype), exact);
    }
  });

  it("reports unexpected tensors and refuses an incomplete file", async () => {
    const tensors = makeTensors("F32", "");
    const reported: string[] = [];
    await read([...tensors, { ...tensors[0]!, name: "extra" }], (names) => reported.push(...names));
    expect(reported).toEqual(["extra"]);
    expect(await rejection(read(tensors.slice(1)))).toBeInstanceOf(FormatError);
    expect(await read(tensors.filter(({ name }) => name !== "lm_head.bias"))).toHaveLength(
      tensors.length - 1,
    );
  });

  for (const model of ["gpt2-nano-sort", "gpt2-slm4096", "tinystories-gpt2"]) {
    describeWithModel(model, 1, () => {
      it("gives the numbers that the reference's own reader finds", async () => {
        const folder = openModelFolder(sharedPath("models", model));
        const config = configOf(await readRequiredJson(folder, "config.json"));
        const reference = readSafetensors(sharedPath("models", model, "model.safetensors"));
        const weights = await collect(readWeights(folder, tensorsOf(config), gpt2.tensors(config)));
        expect(new Set(weights.map(({ tensor }) => tensor.key))).toEqual(new Set(reference.keys()));
        for (const { tensor, values } of weights) expectClose(values, reference.get(tensor.key)!, exact);
      });
    });
  }
});

/** Every tensor of the untied model, with random values. */
function makeTensors(dtype: "F32" | "F16", prefix: string): StoredTensor[] {
  return [...tensorsOf(untied).values()].map(({ key, shape }, seed) => {
    const values = randomFloats(
      seed,
      shape.reduce((a, b) => a * b, 1),
    );
    const stored = dtype === "F32" ? values : float32ToFloat16(values);
    const name = key.startsWith("lm_head") ? key : prefix + key;
    return { name, dtype, shape, bytes: new Uint8Array(stored.buffer) };
  });
}

function read(
  tensors: readonly StoredTensor[],
  onUnexpected: (names: readonly string[]) => void = () => {},
): Promise<FileWeight[]> {
  const folder = new ChunkedFolder({ "model.safetensors": writeSafetensors(tensors) }, 1000);
  return collect(readWeights(folder, tensorsOf(untied), gpt2.tensors(untied), { onUnexpected }));
}
