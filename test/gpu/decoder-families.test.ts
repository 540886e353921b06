// Every family of decoders from what is in the repository alone: three small models against the field's own figures, and each
// family with random weights against float64 formulas, with gradients against differences.
import { describe, expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { centralDifferences } from "../helpers/central-difference.js";
import { repositoryFile } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { largestRowError, readOracle, tensorsOf } from "../helpers/oracles.js";
import { partsOf, randomTensors } from "../helpers/random-decoder.js";
import { makeSentences } from "../helpers/tiny-model.js";
import { gradientByDifferences, modelGradient, oracleRows } from "../helpers/tolerances.js";
import { decoderForward, type DecoderFile } from "../reference/decoder.js";
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
  // Heads of 6, so that norms over all of them have padding in between.
  olmo2: { head_dim: undefined, hidden_size: 24 },
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
