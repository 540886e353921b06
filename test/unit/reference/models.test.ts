// The float64 reference as a whole, against outputs that other people's code computed from trained weights.
import { describe, expect, it } from "vitest";
import { expectClose } from "../../helpers/expect-close.js";
import { describeWithModel, readSharedText, sharedPath } from "../../helpers/shared-models.js";
import { float64Model, modelLogits, modelStage, roundedTo } from "../../helpers/tolerances.js";
import { gpt2Forward, type Gpt2ReferenceConfig, type Gpt2ReferenceResult } from "../../reference/gpt2.js";
import { logProbabilityForward } from "../../reference/log-softmax.js";
import { readSafetensors } from "../../reference/read-safetensors.js";

function loadReference(model: string): (ids: readonly number[]) => Gpt2ReferenceResult {
  const config: Gpt2ReferenceConfig = JSON.parse(readSharedText("models", model, "config.json"));
  const weights = readSafetensors(sharedPath("models", model, "model.safetensors"));
  return (ids) => gpt2Forward(config, weights, ids);
}

/** The index of the largest entry of each row of `width`. */
function argmaxRows(matrix: Float64Array, width: number): number[] {
  return Array.from({ length: matrix.length / width }, (_, row) => {
    const values = matrix.subarray(row * width, (row + 1) * width);
    return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
  });
}

/**
 * The greedy choice after each token of `ids` but the last. One pass tells all of them as long as the ids fit the
 * context; after that a model sees the last `contextLength` ids only.
 */
function chooseGreedily(
  forward: (ids: readonly number[]) => Gpt2ReferenceResult,
  ids: readonly number[],
  V: number,
  contextLength: number,
): number[] {
  const choices = argmaxRows(forward(ids.slice(0, contextLength)).logits, V).slice(0, ids.length - 1);
  while (choices.length < ids.length - 1) {
    const end = choices.length + 1;
    choices.push(argmaxRows(forward(ids.slice(end - contextLength, end)).logits, V).at(-1)!);
  }
  return choices;
}

/** The last row of a matrix with rows of `width`. */
function lastRow(matrix: Float64Array, width: number): Float64Array {
  return matrix.subarray(matrix.length - width);
}

describe("gpt2Forward", () => {
  describeWithModel("gpt2-nano-sort", 2, () => {
    const forward = loadReference("gpt2-nano-sort");
    const expected: { input_ids: number[][]; logits: number[][][] } = JSON.parse(
      readSharedText("models", "gpt2-nano-sort", "expected.json"),
    );
    const partials: Record<string, { shape: number[]; data: string }> = JSON.parse(
      readSharedText("models", "gpt2-nano-sort", "gpt-nano-sort-t0-partials.json"),
    );
    // PyTorch's names. Stages without a layer belong to layer 0; q, k and v are (B, H, T, D), all others (B, T, ·).
    // prettier-ignore
    const stageByPartial: Record<string, string> = {
      x: "embeddings", ln1: "h.0.ln_1", qkv: "h.0.qkv", q: "h.0.q", k: "h.0.k", v: "h.0.v",
      y: "h.0.attention", yProj: "h.0.projection", attnResid: "h.0.residual", ln2: "h.0.ln_2",
      fc: "h.0.fc", gelu: "h.0.activation", mlp: "h.0.mlp", mlpResid: "h.0.output",
      block0: "h.0.output", block1: "h.1.output", block2: "h.2.output", ln_f: "ln_f", lm_head: "logits",
    };

    it("computes PyTorch's activations at every stage", () => {
      for (const [sentence, ids] of expected.input_ids.entries()) {
        const { stages } = forward(ids);
        for (const [partial, stage] of Object.entries(stageByPartial)) {
          const { shape, data } = partials[partial]!;
          const all = new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer);
          const size = all.length / shape[0]!;
          const own = all.subarray(sentence * size, (sentence + 1) * size);
          expectClose(stages.get(stage)!, shape.length === 4 ? mergeHeads(own, shape) : own, modelStage);
        }
      }
    });

    it("computes PyTorch's logits", () => {
      for (const [sentence, ids] of expected.input_ids.entries()) {
        expectClose(forward(ids).logits, expected.logits[sentence]!.flat(), modelStage);
      }
    });
  });

  describeWithModel("gpt2-slm4096", 2, () => {
    const forward = loadReference("gpt2-slm4096");
    const vocabulary: string[] = JSON.parse(readSharedText("models", "gpt2-slm4096", "vocab.json"));
    const expected: {
      greedy: { prompt_ids: number[]; ids: number[]; text: string }[];
      logits_prompt: string;
      logits_last: number[];
    } = JSON.parse(readSharedText("models", "gpt2-slm4096", "expected.json"));

    it("continues prompts word for word", () => {
      for (const { prompt_ids: promptIds, ids, text } of expected.greedy) {
        expect(ids.map((id) => vocabulary[id]).join("")).toBe(text);
        expect(chooseGreedily(forward, ids, vocabulary.length, 128).slice(promptIds.length - 1)).toEqual(
          ids.slice(promptIds.length),
        );
      }
    });

    it("gives the published last logits, which have six decimals", () => {
      const ids = Array.from(expected.logits_prompt, (character) => vocabulary.indexOf(character));
      const logits = lastRow(forward(ids).logits, vocabulary.length);
      expectClose(logits, expected.logits_last, modelLogits);
      expectClose(logits, expected.logits_last, roundedTo(5));
    });
  });

  describeWithModel("tinystories-gpt2", 3, () => {
    const forward = loadReference("tinystories-gpt2");
    const expected: {
      prompts: { ids: number[]; last_logits: number[]; top1: number[]; greedy_ids: number[] }[];
      nll: { stories: { ids: number[]; nll: number }[] };
    } = JSON.parse(readSharedText("models", "tinystories-gpt2", "expected.json"));
    const V = 1024;

    it("gives the last logits and the top ids that another float64 program computed", () => {
      for (const { ids, last_logits: lastLogits, top1 } of expected.prompts) {
        const { logits } = forward(ids);
        expectClose(lastRow(logits, V), lastLogits, float64Model);
        expect(argmaxRows(logits, V)).toEqual(top1);
      }
    });

    it("continues the two shortest prompts with the same 48 greedy tokens", () => {
      for (const { ids, greedy_ids: greedyIds } of expected.prompts.slice(0, 2)) {
        const choices = chooseGreedily(forward, [...ids, ...greedyIds], V, 256).slice(ids.length - 1);
        expect(choices).toEqual(greedyIds);
      }
    });

    // Every fifth one: all 50 agree as well (mean 2.5216 nats per token), but take 20 s.
    it("scores ten held-out stories with the same loss", () => {
      const stories = expected.nll.stories.filter((_, i) => i % 5 === 0);
      const losses = stories.map(({ ids }) => {
        const targets = ids.slice(1);
        const sum = logProbabilityForward({ logits: forward(ids).logits, targets, V }).reduce(
          (a, b) => a + b,
          0,
        );
        return -sum / targets.length;
      });
      expectClose(
        losses,
        stories.map(({ nll }) => nll),
        float64Model,
      );
    }, 60_000);
  });
});

/** (H, T, D) as rows (T, H·D); `shape` is (B, H, T, D). */
function mergeHeads(values: Float32Array, shape: readonly number[]): Float32Array {
  const [, H = 0, T = 0, D = 0] = shape;
  return values.map((_, i) => {
    const t = Math.floor(i / (H * D));
    const h = Math.floor(i / D) % H;
    return values[(h * T + t) * D + (i % D)]!;
  });
}
