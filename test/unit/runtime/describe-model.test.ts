// What a folder holds, from the headers of its files alone.
import { describe, expect, it } from "vitest";
import { FetchError, FormatError } from "../../../src/errors.js";
import { describeModel } from "../../../src/runtime/load/describe-model.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { namesOfTied } from "../../../src/model/weights/file-tensors.js";
import { readTensorEntries } from "../../../src/files/read-tensors.js";
import type { StoredTensor } from "../../../src/files/safetensors.js";
import { writeSafetensors } from "../../../src/files/safetensors-writer.js";
import { makeTinyModel } from "../../helpers/tiny-model.js";
import { ChunkedFolder } from "../files/folder-fake.js";
import { rejection } from "../files/outcome.js";

describe("describeModel", () => {
  it("lists tensors, counts numbers and finds the tokenizer", async () => {
    const { parts } = makeTinyModel({
      layers: 2,
      channels: 16,
      hidden: 24,
      vocabulary: 37,
      contextLength: 8,
    });
    const { config, tensors, parameters, cacheBytesPerToken, cacheBytesPerContext, hasTokenizer } =
      await describeModel(parts);
    // Keys and values of 16 numbers at each of two layers.
    expect(cacheBytesPerToken).toEqual({ f32: 2 * 2 * 16 * 4, f16: 2 * 2 * 16 * 2 });
    expect(cacheBytesPerContext).toEqual({ f32: 8 * 2 * 2 * 16 * 4, f16: 8 * 2 * 2 * 16 * 2 });
    expect(config).toMatchObject({ layers: 2, channels: 16, vocabularySize: 37 });
    // Embeddings, then per layer two norms, four linears with their biases; the last norm.
    const layer = 4 * 16 + (16 * 48 + 48) + (16 * 16 + 16) + (16 * 24 + 24) + (24 * 16 + 16);
    expect(parameters).toBe((37 + 8) * 16 + 2 * layer + 2 * 16);
    expect(tensors.find(({ name }) => name.endsWith("wpe.weight"))?.shape).toEqual([8, 16]);
    expect(hasTokenizer).toBe(false);
    expect((await describeModel({ ...parts, tokenizer: {} })).hasTokenizer).toBe(true);
  });

  it("says what is missing or damaged", async () => {
    const { parts } = makeTinyModel();
    const cut = new Uint8Array(parts.weights as Uint8Array<ArrayBuffer>).slice(0, 40);
    expect(await rejection(describeModel({ ...parts, weights: cut }))).toBeInstanceOf(FormatError);
    expect(await rejection(readTensorEntries(new ChunkedFolder({}, 10)))).toBeInstanceOf(FetchError);
  });

  it("takes a head for the embedding that it is, where files have it under that name alone", async () => {
    const { parts } = makeTinyModel();
    const { family, config } = readModelConfig(parts.config);
    const names = family.tensors(config);
    const stored = (await describeModel(parts)).tensors.map(({ name }) => name);
    expect(namesOfTied(names, stored)).toBe(names);
    expect(namesOfTied(names, [...stored, "lm_head.weight"])).toBe(names);
    const headOnly = stored.map((name) => (name.endsWith("wte.weight") ? "lm_head.weight" : name));
    expect(namesOfTied(names, headOnly).aliases).toEqual({ lm_head: "wte" });
  });

  it("reads all shards that an index lists, and no more than their headers", async () => {
    const index = { weight_map: { a: "1.safetensors", b: "2.safetensors" } };
    const folder = new ChunkedFolder(
      {
        "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify(index)),
        "1.safetensors": writeSafetensors([tensor("a", 3)]),
        "2.safetensors": writeSafetensors([tensor("b", 5000)]).subarray(0, 200),
      },
      64,
    );
    expect([...(await readTensorEntries(folder)).keys()]).toEqual(["a", "b"]);
    expect(folder.openFiles).toBe(0);
  });
});

function tensor(name: string, count: number): StoredTensor {
  return { name, dtype: "F32", shape: [count], bytes: new Uint8Array(4 * count) };
}
