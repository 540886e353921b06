// A real model's GGUF file against the folder that was written from it: the same weights bit for bit, ids and conversations; and
// how much memory reading it takes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { defineModel } from "../../../src/model/definition.js";
import { listParameters } from "../../../src/model/weights/parameters.js";
import { WeightPlacer } from "../../../src/model/weights/place.js";
import { openModelFiles } from "../../../src/runtime/load/model-files.js";
import { renderChat } from "../../../src/text/chat-template.js";
import { loadTokenizer } from "../../../src/text/tokenizer.js";
import { describeWithModel, sharedPath } from "../../helpers/shared-models.js";
import { readJsonFile } from "../../helpers/fixtures.js";

interface Expected {
  readonly tokenizer: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly decoded: string;
  }[];
  readonly rendering: readonly {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly add_generation_prompt: boolean;
    readonly text: string;
    readonly ids: readonly number[];
  }[];
}

const model = "smollm2-135m-instruct";
const gguf = sharedPath("models", model, "SmolLM2-135M-Instruct.Q4_1.gguf");
const MiB = 2 ** 20;

/** What the GPU would be given, piece by piece, as hashes; and the most memory that was held on the way. */
async function readPlaced(
  path: string,
): Promise<{ hashes: Map<string, string>; peak: number; config: unknown }> {
  const files = await openModelFiles(path, undefined, undefined);
  const { config, recipe, names } = defineModel(files.familyModel, 16);
  const parameters = listParameters(config, recipe, names, { format: "f32", maxBindingBytes: 128 * MiB });
  files.checkTensors(parameters);
  const placer = new WeightPlacer();
  const hashes = new Map<string, string>();
  let peak = 0;
  for await (const weight of files.readWeights(parameters, {}))
    for (const { name, values } of placer.place(weight)) {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      hashes.set(name, createHash("sha256").update(bytes).digest("hex"));
    }
  return { hashes, peak, config };
}

describeWithModel(model, 2, () => {
  it("has the weights of its folder, bit for bit, in little memory", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weft-smollm2-"));
    try {
      execFileSync(process.execPath, [sharedPath("models", model, "to-folder.mjs"), folder]);
      const before = process.memoryUsage().arrayBuffers;
      const own = await readPlaced(gguf);
      // The file has 98 MB, its weights in float32 538 MB. The embedding is one piece of 113 MB, which is whole before it goes to
      // the GPU; garbage of small pieces comes on top.
      expect(own.peak - before).toBeLessThan(300 * MiB);
      const other = await readPlaced(folder);
      // The embedding, the last norm, and six of each layer.
      expect(own.hashes.size).toBe(2 + 30 * 6);
      expect(own.hashes).toEqual(other.hashes);
      expect(own.config).toMatchObject({
        ...(other.config as object),
        endTokens: expect.arrayContaining([2]),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("has the ids and conversations that were recorded", async () => {
    const { tokenizer: texts, rendering } = readJsonFile<Expected>(
      sharedPath("models", model, "expected.json"),
    );
    const files = await openModelFiles(gguf, undefined, undefined);
    const { tokenizer: json, tokenizerConfig } = await files.readTexts(undefined);
    const tokenizer = await loadTokenizer(json, tokenizerConfig);
    for (const { text, ids, decoded } of texts) {
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
    }
    for (const { messages, add_generation_prompt: prompt, text, ids } of rendering) {
      const templateVariables = { add_generation_prompt: prompt };
      expect(await renderChat(messages, { tokenizerConfig }, { templateVariables })).toBe(text);
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
    }
  });
});
