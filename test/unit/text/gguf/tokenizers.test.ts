// Tokenizers made from GGUF files, against the ids of llama.cpp and of the tokenizers that the files were converted from.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError } from "../../../../src/errors.js";
import { DiskFolder } from "../../../../src/files/disk-folder.js";
import { openGguf } from "../../../../src/files/gguf/open-gguf.js";
import { plainValue } from "../../../../src/files/gguf/plain-value.js";
import type { TokenizerFacts } from "../../../../src/text/gguf/special-tokens.js";
import { tokenizerFiles, type TokenizerFiles } from "../../../../src/text/gguf/tokenizer-files.js";
import { renderChat } from "../../../../src/text/chat-template.js";
import { loadTokenizer, type TextTokenizer } from "../../../../src/text/tokenizer.js";
import { fixturePath, ggufFolders, readJsonFile } from "../../../helpers/fixtures.js";
import { rejection } from "../../../helpers/rejection.js";
import { describeWithShared, sharedPath } from "../../../helpers/shared-models.js";

interface Text {
  readonly text: string;
  readonly parse: readonly number[];
  readonly plain: readonly number[];
  readonly hfParse?: readonly number[];
  readonly hfPlain?: readonly number[];
}
interface Expected {
  readonly endOfGeneration: readonly number[];
  readonly tokens: number;
  readonly withSpecial: { readonly text: string; readonly ids: readonly number[] };
  readonly texts: readonly Text[];
}

async function readFacts(folder: string, fileName: string): Promise<TokenizerFacts> {
  const { metadata } = await openGguf(new DiskFolder(folder), fileName);
  return {
    fileName,
    value: (key) => {
      const found = metadata.get(key);
      return found && plainValue(found);
    },
  };
}

/**
 * Texts whose ids are those of llama.cpp, or of neither, by what they begin with. Every other text has the ids of the original.
 * gpt-4o: that white space after some tokens is left out does not stand in the file. bert: the library that encodes texts does
 * not part characters beyond U+FFFF. xlmr: it has rules of its own for characters that are left out or replaced.
 */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  "gpt-4o": [" <|im_end|> a<|im_end|>b <|end|>"],
  "bert-cased": ["㐀"],
  "bert-uncased": ["㐀"],
  "xlmr-unigram": ["👩‍👩‍👧‍👦 family", "zero", "ﷺ"],
};

/** All texts but the known exceptions have these ids, and the exceptions still are such. */
function expectIds(
  tokenizer: TextTokenizer,
  specialTokens: "tokens" | "text",
  texts: readonly (readonly [text: string, ids: readonly number[]])[],
  known: readonly string[],
): void {
  const wrong: string[] = [];
  for (const [text, expected] of texts) {
    const ids = tokenizer.encode(text, { addSpecialTokens: false, specialTokens });
    if (String(ids) !== String(expected))
      wrong.push(`${text} -> ${ids.join()} instead of ${expected.join()}`);
  }
  expect(wrong.filter((text) => !known.some((begin) => text.startsWith(begin)))).toEqual([]);
  expect(wrong).toHaveLength(known.length);
}

const [own, ...shared] = ggufFolders("tokenizers");
const kinds = readdirSync(own!.path)
  .filter((name) => name.endsWith(".gguf"))
  .map((name) => ({ kind: name.replace(".gguf", ""), path: own!.path }));
for (const { path } of shared)
  if (existsSync(join(path, "xlmr-unigram.gguf"))) kinds.push({ kind: "xlmr-unigram", path });

describe.each(kinds)("the tokenizer of $kind", ({ kind, path }) => {
  const expected = readJsonFile<Expected>(join(path, `${kind}.expected.json`));
  const known = exceptions[kind] ?? [];

  it("gives the ids of the tokenizer that it was converted from", async () => {
    const { tokenizer, tokenizerConfig } = tokenizerFiles(await readFacts(path, `${kind}.gguf`));
    expectIds(
      await loadTokenizer(tokenizer, tokenizerConfig),
      "tokens",
      expected.texts.map(({ text, parse, hfParse = parse }) => [text, hfParse]),
      known,
    );
  });

  it("takes special tokens as text, if they are not wanted", async () => {
    const { tokenizer } = tokenizerFiles(await readFacts(path, `${kind}.gguf`));
    expectIds(
      await loadTokenizer(tokenizer),
      "text",
      expected.texts.map(({ text, plain, hfPlain = plain }) => [text, hfPlain]),
      kind === "gpt-4o" ? [] : known,
    );
  });

  it("adds the tokens that begin and end texts, and knows all that end a generation", async () => {
    const files = tokenizerFiles(await readFacts(path, `${kind}.gguf`));
    const tokenizer = await loadTokenizer(files.tokenizer, files.tokenizerConfig);
    expect(tokenizer.encode(expected.withSpecial.text)).toEqual(expected.withSpecial.ids);
    const ends = files.generationConfig["eos_token_id"] as readonly number[];
    expect(ends.toSorted((a, b) => a - b)).toEqual(expected.endOfGeneration.toSorted((a, b) => a - b));
  });
});

describeWithShared("tokenizers/llama.cpp-vocab", 1, () => {
  it("has the ids of the original for white space that JavaScript has not, and for what it takes for white space", async () => {
    const facts = await readFacts(sharedPath("tokenizers", "llama.cpp-vocab"), "ggml-vocab-gpt-2.gguf");
    const { tokenizer } = tokenizerFiles(facts);
    const step = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    for (const json of [tokenizer, { ...tokenizer, pre_tokenizer: step }]) {
      const made = await loadTokenizer(json);
      expect(made.encode("He said \uFEFFhello")).toEqual([1544, 531, 27332, 119, 123, 31373]);
      expect(made.encode("it\u0085's")).toEqual([270, 126, 227, 338]);
    }
  });
});

describe("chat templates of GGUF files", () => {
  const path = fixturePath("gguf", "metadata");
  const messages = [{ role: "user", content: "Hello" }];

  it.each([
    ["chat-template", true],
    ["chat-templates", true],
    ["chat-templates-no-default", false],
    ["micro-llama", false],
  ] as const)("of %s: a default one is used, if there is one", async (name, hasDefault) => {
    const facts = await readFacts(path, `${name}.gguf`);
    const tokens = facts.value("tokenizer.ggml.tokens");
    // Of these files, some have no vocabulary: one is given to them.
    const { tokenizerConfig } = tokenizerFiles({
      ...facts,
      value: (key) =>
        key === "tokenizer.ggml.tokens" && tokens === undefined
          ? ["a"]
          : key === "tokenizer.ggml.model" && tokens === undefined
            ? "none"
            : facts.value(key),
    });
    const rendered = renderChat(messages, { tokenizerConfig });
    if (hasDefault) expect(await rendered).toContain("Hello");
    else expect(await rejection(rendered)).toBeInstanceOf(ArgumentError);
  });
});

describe("a broken tokenizer", () => {
  const tokens = ["<unk>", "a", "b", "ab"];
  const bytes: Readonly<Record<string, unknown>> = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.merges": ["a b", "nospace", "a ", " b", "x y"],
  };
  const files = (more: Readonly<Record<string, unknown>>): TokenizerFiles =>
    tokenizerFiles({ fileName: "m.gguf", value: (key) => ({ ...bytes, ...more })[key] });

  it("leaves out merges that are none", async () => {
    const tokenizer = await loadTokenizer(files({}).tokenizer);
    expect(tokenizer.encode("abba")).toEqual([3, 2, 1]);
  });

  it("keeps the places of tokens that occur twice, or are empty", async () => {
    const twice = ["<unk>", "a", "", "a", "b"];
    const tokenizer = await loadTokenizer(
      files({ "tokenizer.ggml.tokens": twice, "tokenizer.ggml.merges": [] }).tokenizer,
    );
    expect(tokenizer.encode("ab")).toEqual([3, 4]);
    expect(tokenizer.decode([3, 2, 4])).toBe("ab");
  });

  it.each([
    ["tokenizer.ggml.model", "zebra", 'expected gpt2, llama, bert, t5, received "zebra"'],
    ["tokenizer.ggml.pre", "zebra", 'received "zebra"'],
    ["tokenizer.ggml.pre", undefined, "received nothing"],
    ["tokenizer.ggml.merges", undefined, "expected a list of texts, received nothing"],
    ["tokenizer.ggml.tokens", "abc", "expected a list of texts"],
    ["tokenizer.ggml.tokens", [1, 2], "expected a list of texts"],
    ["tokenizer.ggml.token_type", [1], "expected a list of 4 numbers, one per token"],
    ["tokenizer.ggml.add_bos_token", 1, "expected true or false"],
    ["tokenizer.huggingface.json", "{", "expected JSON of an object"],
  ] as const)("is refused for %s = %j", (key, value, message) => {
    const make = (): unknown => files({ [key]: value });
    expect(make).toThrow(FormatError);
    expect(make).toThrow(`m.gguf: ${key}: `);
    expect(make).toThrow(message);
  });

  it("is refused for scores that are missing, too few or no numbers", () => {
    const model = { "tokenizer.ggml.model": "llama" };
    for (const scores of [undefined, [1, 2], [1, 2, NaN, 4]])
      expect(() => files({ ...model, "tokenizer.ggml.scores": scores })).toThrow(FormatError);
  });
});
