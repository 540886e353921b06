// The float64 decoders, against what the field's own implementation computes in float64.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { largestRowError } from "../../helpers/oracles.js";
import { describeWithModel, sharedPath } from "../../helpers/shared-models.js";
import { float64Rows } from "../../helpers/tolerances.js";
import { decoderForward, type DecoderFile } from "../../reference/decoder.js";
import { readSafetensors } from "../../reference/read-safetensors.js";
import { readFileSync } from "node:fs";

function expectOracle(folder: string): void {
  const json = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
  const file = json("config.json") as DecoderFile;
  const tensors = readSafetensors(`${folder}/model.safetensors`);
  const { sentences } = json("expected.json") as { sentences: number[][] };
  const expected = readSafetensors(`${folder}/expected.safetensors`);
  for (const [index, ids] of sentences.entries()) {
    const logits = expected.get(`logits.${index}`);
    if (!logits) continue;
    const own = Float32Array.from(decoderForward(file, tensors, ids));
    expect(largestRowError(own, Float32Array.from(logits), file.vocab_size)).toBeLessThan(float64Rows);
  }
}

describe("a float64 decoder", () => {
  it.each(["qwen3", "gemma2", "gpt-neox"])("gives the logits of %s", (kind) => {
    const folder = fileURLToPath(new URL(`../../fixtures/decoders/${kind}`, import.meta.url));
    expect(existsSync(folder)).toBe(true);
    expectOracle(folder);
  });
});

const kinds = [
  "llama",
  "llama-bias-tied",
  "llama-rope-linear",
  "mistral-window",
  "qwen2",
  "smollm3",
  "granite",
  "olmo2",
  "phi3",
  "gemma3",
  "gpt-neox-serial",
];

describeWithModel("tiny", kinds.length, () => {
  it.each(kinds)("gives the logits of %s", (kind) => expectOracle(sharedPath("models", "tiny", kind)));
});
