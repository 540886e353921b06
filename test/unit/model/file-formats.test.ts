// What matrices that are joined from tensors of several formats are stored in.
import { describe, expect, it } from "vitest";
import { families } from "../../../src/families/encoders/all-families.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { formatsOfFiles } from "../../../src/model/weights/file-formats.js";
import { listParameters } from "../../../src/model/weights/parameters.js";

const { family, config } = readModelConfig(
  {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: 512,
    hidden_size: 512,
    intermediate_size: 512,
    num_hidden_layers: 1,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    max_position_embeddings: 64,
  },
  "config.json",
  families,
);
const names = family.tensors(config);

/** The formats of the product of queries, keys and values, whose tensors have these in the file. */
function formatsOf(query: string, key: string, value: string): unknown {
  const ofTensors: Readonly<Record<string, string>> = { q_proj: query, k_proj: key, v_proj: value };
  const formatOf = formatsOfFiles((tensor) => ofTensors[tensor.split(".").at(-2)!] ?? "Q4_K", names);
  const parameters = listParameters(config, family.recipe(config), names, { format: formatOf });
  const product = parameters.find(({ name }) => name.endsWith("queryKeyValue.weight"))!;
  return product.pieces.map(({ format, first, count }) => [format, first, count]);
}

describe("a product of queries, keys and values", () => {
  it("is in one piece if its tensors are alike", () => {
    expect(formatsOf("Q4_K", "Q4_K", "Q4_K")).toEqual([["q4k", 0, 1024]]);
  });

  it("has a piece of each format of the file", () => {
    expect(formatsOf("Q4_K", "Q4_K", "Q6_K")).toEqual([
      ["q4k", 0, 768],
      ["q6k", 768, 256],
    ]);
  });

  it("keeps formats apart that are the same on the GPU: rows of a piece are packed from blocks of one", () => {
    expect(formatsOf("Q3_K", "Q3_K", "Q6_K")).toEqual([
      ["q6k", 0, 768],
      ["q6k", 768, 256],
    ]);
    expect(formatsOf("IQ4_XS", "IQ4_XS", "Q8_0")).toEqual([
      ["q8", 0, 768],
      ["q8", 768, 256],
    ]);
  });
});
