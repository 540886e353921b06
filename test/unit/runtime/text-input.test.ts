// Texts as ids for scoring and training: framed by the begin token and the end token once, whoever puts them there.
import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../../../src/families/model-config.js";
import { TextInput } from "../../../src/runtime/text-input.js";

const token = (id: number, content: string): object => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const tokenizer = {
  version: "1.0",
  added_tokens: [token(2, "<begin>"), token(3, "<end>")],
  normalizer: null,
  pre_tokenizer: { type: "WhitespaceSplit" },
  post_processor: null,
  decoder: null,
  model: { type: "WordLevel", vocab: { yes: 0, no: 1 } },
};

const special = (id: string): object => ({ SpecialToken: { id, type_id: 0 } });
const framing = {
  ...tokenizer,
  post_processor: {
    type: "TemplateProcessing",
    single: [special("<begin>"), { Sequence: { id: "A", type_id: 0 } }, special("<end>")],
    pair: [],
    special_tokens: {
      "<begin>": { id: "<begin>", ids: [2], tokens: ["<begin>"] },
      "<end>": { id: "<end>", ids: [3], tokens: ["<end>"] },
    },
  },
};

const config = { beginToken: 2, endTokens: [3], contextLength: 8, vocabularySize: 4 };
const inputOf = (json: object): TextInput =>
  new TextInput({ tokenizer: json } as never, config as unknown as ModelConfig);

describe.each([
  ["a tokenizer that adds nothing", tokenizer],
  ["a tokenizer that adds the tokens itself", framing],
])("%s", (_, json) => {
  it("frames a text to train on once", async () => {
    expect(await inputOf(json).encodeForTraining(["yes no"])).toEqual([[2, 0, 1, 3]]);
    expect(await inputOf(json).encodeForTraining([[0, 1]])).toEqual([[0, 1]]);
  });

  it("begins a text to score once", async () => {
    const [tokens] = await inputOf(json).encodeForScore(["yes no"]);
    expect(tokens!.slice(0, 3)).toEqual([2, 0, 1]);
    expect(tokens!.filter((id) => id === 2)).toHaveLength(1);
  });
});
