// Every family of decoders from what is in the repository alone: three small models against the field's own figures, and each
// family with random weights against float64 formulas, with gradients against differences.
import { describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";
import { Model } from "../../src/runtime/model.js";
import { centralDifferences } from "../helpers/central-difference.js";
import { repositoryFile } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { largestRowError, readOracle, tensorsOf } from "../helpers/oracles.js";
import { randomFloats } from "../helpers/random.js";
import { makeSentences } from "../helpers/tiny-model.js";
import { gradientByDifferences, modelGradient, oracleRows } from "../helpers/tolerances.js";
import { decoderForward, sizesOf, type DecoderFile } from "../reference/decoder.js";
import { logSoftmax } from "../reference/log-softmax.js";

describe.each(["qwen3", "gemma2", "gpt-neox"])("the small %s", (kind) => {
  it("gives the recorded logits and greedy text, by both forms of its config", async () => {
    const { forms, sentences, greedy, expected } = await readOracle(
      repositoryFile(`test/fixtures/decoders/${kind}`),
    );
    for (const form of forms) {
      await using model = await Model.load(form);
      const { logits } = await model.forward(sentences, { output: "all" });
      for (const [index, own] of logits.entries())
        expect(
          largestRowError(own, expected.get(`logits.${index}`)!, model.info.config.vocabularySize),
        ).toBeLessThan(oracleRows);
      const texts = await Promise.all(
        greedy.map(({ tokens }, index) =>
          model.generate(sentences[index]!, { temperature: 0, maxTokens: tokens.length, stopTokens: [] }),
        ),
      );
      expect(texts.map(({ tokens }) => [...tokens])).toEqual(greedy.map(({ tokens }) => [...tokens]));
    }
  });
});

const V = 19;
const rope = (more: object = {}): { rope_theta: number; rope_type: string } => ({
  rope_theta: 100,
  rope_type: "default",
  ...more,
});
const shared = {
  vocab_size: V,
  hidden_size: 10,
  intermediate_size: 14,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 6,
  max_position_embeddings: 24,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  rope_parameters: rope(),
};
const kinds: Readonly<Record<string, object>> = {
  llama: { tie_word_embeddings: false, rope_parameters: rope({ rope_type: "linear", factor: 2 }) },
  mistral: { sliding_window: 5 },
  qwen2: {},
  qwen3: {},
  smollm3: { no_rope_layers: [1, 0] },
  granite: {
    embedding_multiplier: 3,
    attention_multiplier: 0.2,
    residual_multiplier: 0.4,
    logits_scaling: 0.5,
  },
  olmo2: { head_dim: undefined, hidden_size: 16 },
  gemma: {},
  gemma2: {
    sliding_window: 5,
    layer_types: ["sliding_attention", "full_attention"],
    query_pre_attn_scalar: 9,
    attn_logit_softcapping: 2,
    final_logit_softcapping: 3,
  },
  gemma3_text: {
    sliding_window: 5,
    layer_types: ["sliding_attention", "full_attention"],
    query_pre_attn_scalar: 9,
    rope_parameters: { full_attention: rope(), sliding_attention: rope({ rope_theta: 10 }) },
  },
  phi3: {
    head_dim: undefined,
    hidden_size: 32,
    rope_parameters: rope({ partial_rotary_factor: 0.75 }),
    partial_rotary_factor: 0.75,
  },
  gpt_neox: {
    head_dim: undefined,
    num_key_value_heads: undefined,
    hidden_size: 16,
    layer_norm_eps: 1e-5,
    rms_norm_eps: undefined,
    rope_parameters: rope({ partial_rotary_factor: 0.5 }),
  },
};

/** What a page computes is what Node computes: a few are enough there. */
const isChosen = ([type]: [string, object]): boolean =>
  typeof document === "undefined" || ["mistral", "olmo2", "phi3"].includes(type);

describe.each(Object.entries(kinds).filter(isChosen))("random weights of %s", (type, changes) => {
  const file = JSON.parse(JSON.stringify({ model_type: type, ...shared, ...changes })) as DecoderFile;
  const tensors = randomTensors(file);
  const parts = partsOf(file, tensors);
  const sentences = makeSentences(4, 7, 24, V).filter(({ length }) => length > 1);

  it("give the float64 logits and gradients, and are saved under their names", async () => {
    await using model = await Model.load(parts, { queues: 2, cachePageTokens: 4 });
    const { logits } = await model.forward(sentences, { output: "all", sliceTokens: 3, fence: "prefix" });
    for (const [index, ids] of sentences.entries()) {
      const expected = Float32Array.from(decoderForward(file, tensors, ids));
      expect(largestRowError(logits[index]!, expected, V)).toBeLessThan(oracleRows);
    }
    const prompt = sentences.find(({ length }) => length < 12)!;
    const { tokens } = await model.generate(prompt, { temperature: 0, maxTokens: 6, stopTokens: [] });
    const rows = decoderForward(file, tensors, [...prompt, ...tokens.slice(0, -1)]);
    for (const [index, token] of tokens.entries()) {
      const row = rows.subarray((prompt.length - 1 + index) * V, (prompt.length + index) * V);
      expect(row.indexOf(Math.max(...row))).toBe(token);
    }

    const rate = 4096;
    const run = model.train(sentences, {
      steps: 1,
      batchTokens: sentences.flat().length,
      optimizer: { kind: "sgd", clipNorm: 1e30 },
      schedule: { peak: rate, decay: "constant" },
      sliceTokens: 4,
    });
    for await (const { loss } of run)
      expectClose([loss], [meanLoss(file, tensors, sentences)], modelGradient);
    const after = tensorsOf((await model.save()).weights);
    expect([...after.keys()].toSorted()).toEqual([...tensors.keys()].toSorted());
    for (const [name, before] of tensors) {
      const entries = [0, before.length - 1];
      const expected = centralDifferences(
        (values) => meanLoss(file, new Map<string, ArrayLike<number>>(tensors).set(name, values), sentences),
        before,
        entries,
      );
      const gradient = entries.map((entry) => (before[entry]! - after.get(name)![entry]!) / rate);
      expectClose(gradient, expected, gradientByDifferences);
    }
  });
});

/** Mean cross-entropy over all targets of the batch, in nats. */
function meanLoss(
  file: DecoderFile,
  tensors: ReadonlyMap<string, ArrayLike<number>>,
  sentences: readonly number[][],
): number {
  let [sum, targets] = [0, 0];
  for (const ids of sentences) {
    const rows = logSoftmax(decoderForward(file, tensors, ids), V);
    for (const [token, id] of ids.slice(1).entries()) sum -= rows[token * V + id]!;
    targets += ids.length - 1;
  }
  return sum / targets;
}

function partsOf(file: DecoderFile, tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>>): ModelParts {
  const shapes = shapesOf(file);
  const stored = [...tensors].map(([name, values]) => ({
    name,
    dtype: "F32",
    shape: shapes.get(name)!,
    bytes: new Uint8Array(values.buffer),
  }));
  return { config: file, weights: writeSafetensors(stored) };
}

function randomTensors(file: DecoderFile): ReadonlyMap<string, Float32Array<ArrayBuffer>> {
  return new Map(
    [...shapesOf(file)].map(([name, shape], seed) => {
      const values = randomFloats(
        seed,
        shape.reduce((product, extent) => product * extent, 1),
        shape.length === 1 ? 0.1 : 0.6 / Math.sqrt(shape[1]!),
      );
      const isGain = /norm.*\.weight$/.test(name) && !file.model_type.startsWith("gemma");
      return [name, isGain ? values.map((value) => 1 + value) : values];
    }),
  );
}

const linear = (name: string, N: number, K: number, bias = false): [string, number[]][] => [
  [`${name}.weight`, [N, K]],
  ...(bias ? [[`${name}.bias`, [N]] as [string, number[]]] : []),
];

/** The tensors of a file, by the names that transformers gives them. */
function shapesOf(file: DecoderFile): ReadonlyMap<string, readonly number[]> {
  const { C, H, KV, D, F } = sizesOf(file);
  const type = file.model_type;
  const layers = Array.from({ length: file.num_hidden_layers }, (_, layer) => layer);
  if (type === "gpt_neox")
    return new Map<string, readonly number[]>([
      ["gpt_neox.embed_in.weight", [V, C]],
      ...layers.flatMap((layer): [string, number[]][] => {
        const name = `gpt_neox.layers.${layer}`;
        return [
          ...["input_layernorm", "post_attention_layernorm"].flatMap((own): [string, number[]][] => [
            [`${name}.${own}.weight`, [C]],
            [`${name}.${own}.bias`, [C]],
          ]),
          ...linear(`${name}.attention.query_key_value`, 3 * C, C, true),
          ...linear(`${name}.attention.dense`, C, C, true),
          ...linear(`${name}.mlp.dense_h_to_4h`, F, C, true),
          ...linear(`${name}.mlp.dense_4h_to_h`, C, F, true),
        ];
      }),
      ["gpt_neox.final_layer_norm.weight", [C]],
      ["gpt_neox.final_layer_norm.bias", [C]],
    ]);
  const hasHeadNorms = ["qwen3", "gemma3_text", "olmo2"].includes(type);
  const norms = {
    olmo2: ["post_attention_layernorm", "post_feedforward_layernorm"],
    gemma2: [
      "input_layernorm",
      "post_attention_layernorm",
      "pre_feedforward_layernorm",
      "post_feedforward_layernorm",
    ],
  };
  const own = norms[type === "gemma3_text" ? "gemma2" : (type as keyof typeof norms)] ?? [
    "input_layernorm",
    "post_attention_layernorm",
  ];
  return new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [V, C]],
    ...layers.flatMap((layer): [string, number[]][] => {
      const name = `model.layers.${layer}`;
      const attention = `${name}.self_attn`;
      return [
        ...own.map((norm): [string, number[]] => [`${name}.${norm}.weight`, [C]]),
        ...(type === "phi3"
          ? linear(`${attention}.qkv_proj`, (H + 2 * KV) * D, C)
          : [
              ...linear(`${attention}.q_proj`, H * D, C, type === "qwen2"),
              ...linear(`${attention}.k_proj`, KV * D, C, type === "qwen2"),
              ...linear(`${attention}.v_proj`, KV * D, C, type === "qwen2"),
            ]),
        ...(hasHeadNorms
          ? ([
              [`${attention}.q_norm.weight`, [type === "olmo2" ? H * D : D]],
              [`${attention}.k_norm.weight`, [type === "olmo2" ? KV * D : D]],
            ] as [string, number[]][])
          : []),
        ...linear(`${attention}.o_proj`, C, H * D),
        ...(type === "phi3"
          ? linear(`${name}.mlp.gate_up_proj`, 2 * F, C)
          : [...linear(`${name}.mlp.gate_proj`, F, C), ...linear(`${name}.mlp.up_proj`, F, C)]),
        ...linear(`${name}.mlp.down_proj`, C, F),
      ];
    }),
    ["model.norm.weight", [C]],
    ...(file.tie_word_embeddings ? [] : ([["lm_head.weight", [V, C]]] as [string, number[]][])),
  ]);
}
