// The tokenizer adapter: with a small vocabulary of our own, and against ids that another program computed.
import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError } from "../../../src/errors.js";
import { loadTokenizer, type TextTokenizer } from "../../../src/text/tokenizer.js";
import { describeWithModel, readSharedText } from "../../helpers/shared-models.js";

/** Byte-level BPE over the letters a and b, a space and a full stop, with one merge and an end token. */
const smallTokenizer = {
  version: "1.0",
  added_tokens: [
    {
      id: 5,
      content: "<end>",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  model: { type: "BPE", vocab: { a: 0, b: 1, Ġ: 2, ".": 3, ab: 4 }, merges: ["a b"] },
};

describe("loadTokenizer", () => {
  it("encodes by merges and decodes to the same text, spaces before stops included", async () => {
    const tokenizer = await loadTokenizer(smallTokenizer);
    expect(tokenizer.encode("ab a .<end>")).toEqual([4, 2, 0, 2, 3, 5]);
    expect(tokenizer.decode([4, 2, 0, 2, 3, 5])).toBe("ab a .<end>");
    expect(tokenizer.encode("")).toEqual([]);
    expect(tokenizer.decode([])).toBe("");
  });

  it("leaves special tokens out when asked", async () => {
    const tokenizer = await loadTokenizer(smallTokenizer);
    expect(tokenizer.decode([4, 5, 4], { skipSpecialTokens: true })).toBe("abab");
    expect(tokenizer.decode([5], { skipSpecialTokens: true })).toBe("");
  });

  it("tells the text of one token", async () => {
    const tokenizer = await loadTokenizer(smallTokenizer);
    expect([2, 4, 5].map((id) => tokenizer.tokenText(id))).toEqual([" ", "ab", "<end>"]);
  });

  it("takes the end token from the config, as text or as object, and only from there", async () => {
    const endTokens = [
      undefined,
      {},
      { eos_token: "<end>" },
      { eos_token: { content: "<end>" } },
      { eos_token: "?" },
    ];
    const found = await Promise.all(
      endTokens.map(async (config) => (await loadTokenizer(smallTokenizer, config)).endToken),
    );
    expect(found).toEqual([undefined, undefined, 5, 5, undefined]);
  });

  it("leaves out characters that the vocabulary lacks", async () => {
    const tokenizer = await loadTokenizer(smallTokenizer);
    expect(tokenizer.encode("abc!")).toEqual([4]);
  });

  it("gives words that the vocabulary lacks the unknown token of tokenizer.json, or leaves them out", async () => {
    expect(await encodeWords({ unk_token: "[UNK]" })).toEqual([1, 0, 2]);
    expect(await encodeWords({})).toEqual([1, 2]);
  });

  it("adds the special tokens of the post-processor unless they are in the text already", async () => {
    const json = {
      ...smallTokenizer,
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<end>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [],
        special_tokens: { "<end>": { id: "<end>", ids: [5], tokens: ["<end>"] } },
      },
    };
    const tokenizer = await loadTokenizer(json);
    expect(tokenizer.encode("ab")).toEqual([5, 4]);
    expect(tokenizer.encode("<end>ab", { addSpecialTokens: false })).toEqual([5, 4]);
  });

  describe("cuts texts as the field's own implementation does, where JavaScript would cut them otherwise", () => {
    /** A space and U+FEFF, and U+0085, in bytes. */
    const vocab = { a: 0, Ġ: 1, ï: 2, "»": 3, "¿": 4, Ġï: 5, Â: 6, ħ: 7, "'": 8, s: 9, "'s": 10 };
    const bytes = {
      ...smallTokenizer,
      added_tokens: [],
      model: { type: "BPE", vocab, merges: ["Ġ ï", "' s"] },
    };

    it("into words of bytes", async () => {
      const tokenizer = await loadTokenizer(bytes);
      expect(tokenizer.encode("a \uFEFFa")).toEqual([0, 5, 3, 4, 0]);
      expect(tokenizer.encode("a\u0085's")).toEqual([0, 6, 7, 10]);
      const step = { ...smallTokenizer.pre_tokenizer, add_prefix_space: true };
      const withSpace = await loadTokenizer({
        ...bytes,
        pre_tokenizer: { type: "Sequence", pretokenizers: [step] },
      });
      expect(withSpace.encode("\uFEFFa a")).toEqual([5, 3, 4, 0, 1, 0]);
      expect(withSpace.encode(" a\na")).toEqual([1, 0, 0]);
    });

    it.each([
      ["WhitespaceSplit", ["a\uFEFFb", "c!"]],
      ["Whitespace", ["a", "\uFEFF", "b", "c", "!"]],
      ["BertPreTokenizer", ["a\uFEFFb", "c", "!"]],
    ])("into words: %s", async (type, words) => {
      const tokenizer = await loadWords({ pre_tokenizer: { type } }, words);
      expect(tokenizer.encode("a\uFEFFb\u0085c!\n")).toEqual(words.map((_, index) => index + 1));
    });

    it("into words of other scripts", async () => {
      const words = ["café", "Straße", "日本", "e\u0301", "no_1", "—", "٣"];
      const tokenizer = await loadWords({ pre_tokenizer: { type: "Whitespace" } }, words);
      expect(tokenizer.encode(words.join(" "))).toEqual(words.map((_, index) => index + 1));
    });

    it("without white space at their ends, where they are stripped", async () => {
      const strip = { type: "Strip", strip_left: true, strip_right: true };
      const tokenizer = await loadWords({ normalizer: strip, pre_tokenizer: null }, [
        "\uFEFFa b\uFEFF",
        "c \n",
      ]);
      expect(tokenizer.encode("\u0085 \uFEFFa b\uFEFF \u0085")).toEqual([1]);
      const left = await loadWords({ normalizer: { ...strip, strip_right: false }, pre_tokenizer: null }, [
        "c \n",
      ]);
      expect(left.encode(" \nc \n")).toEqual([1]);
      const begin = performance.now();
      expect(tokenizer.normalise(`a${" ".repeat(200_000)}b`)).toHaveLength(200_002);
      expect(performance.now() - begin).toBeLessThan(1000);
    });
  });

  describe("finds added tokens as the field's own implementation does", () => {
    const added = {
      id: 7,
      content: "ab",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: false,
    };
    const letters = { a: 0, b: 1, Ġ: 2, ".": 3, Â: 4, ħ: 5, _: 6 };
    const withAdded = (...tokens: object[]): Promise<TextTokenizer> =>
      loadTokenizer({
        ...smallTokenizer,
        added_tokens: tokens.map((token) => ({ ...added, ...token })),
        model: { type: "BPE", vocab: letters, merges: [] },
      });

    it("only as words of their own, if they are single words", async () => {
      const tokenizer = await withAdded({ single_word: true });
      expect(tokenizer.encode("ab")).toEqual([7]);
      expect(tokenizer.encode("a ab.ab b")).toEqual([0, 2, 7, 3, 7, 2, 1]);
      for (const text of ["bab", "aba", "_ab", "ab_", "babb"])
        expect(tokenizer.encode(text), text).toEqual(Array.from(text, (letter) => letters[letter as "a"]));
      // What is within a word is passed over as a whole: no other token begins in it.
      const two = await withAdded({ single_word: true }, { id: 8, content: "b." });
      expect(two.encode("aab.")).toEqual([0, 0, 1, 3]);
      expect((await withAdded({})).encode("bab")).toEqual([1, 7]);
    });

    it("also after texts were normalised", async () => {
      const tokenizer = await loadTokenizer({
        ...smallTokenizer,
        normalizer: { type: "Lowercase" },
        added_tokens: [{ ...added, content: "AB", single_word: true, normalized: true }],
        model: { type: "BPE", vocab: letters, merges: [] },
      });
      expect(tokenizer.encode("Ab aB. BAb")).toEqual([7, 2, 7, 3, 2, 1, 0, 1]);
    });

    it("the longest first, with the white space that belongs to them", async () => {
      const tokenizer = await withAdded({ lstrip: true, rstrip: true }, { id: 8, content: "ab." });
      expect(tokenizer.encode("a \u0085ab \u0085 ab. ab")).toEqual([0, 7, 8, 7]);
      expect(tokenizer.encode("a ab.")).toEqual([0, 2, 8]);
      const one = await withAdded({ lstrip: true });
      expect(one.encode("b ab b")).toEqual([1, 7, 2, 1]);
      expect(one.decode([7, 7])).toBe("abab");
    });
  });

  it("refuses ids that the vocabulary lacks", async () => {
    const tokenizer = await loadTokenizer(smallTokenizer);
    expect(() => tokenizer.decode([0, 6])).toThrow(ArgumentError);
    expect(() => tokenizer.tokenText(-1)).toThrow(ArgumentError);
    expect(() => tokenizer.tokenText(0.5)).toThrow(/expected the id of a token.*received 0.5\./);
  });

  it.each([[null], ["text"], [[]], [{}], [{ ...smallTokenizer, model: { type: "No such model" } }]])(
    "refuses %j as tokenizer.json",
    async (json) => {
      await expect(loadTokenizer(json)).rejects.toThrow(FormatError);
      await expect(loadTokenizer(json)).rejects.toThrow(/tokenizer\.json: expected .* received:? .*\. Copy/);
    },
  );

  it("refuses a config that is no object", async () => {
    await expect(loadTokenizer(smallTokenizer, 3)).rejects.toThrow(
      /^tokenizer_config\.json: expected a JSON object/,
    );
  });

  describeWithModel("tinystories-gpt2", 3, () => {
    const expected: {
      prompts: { text: string; ids: number[]; greedy_ids: number[]; greedy_text: string }[];
      nll: { stories: { story: number; ids: number[] }[] };
    } = JSON.parse(readSharedText("models", "tinystories-gpt2", "expected.json"));

    it("gives the ids of the prompts and the text of their continuations", async () => {
      const tokenizer = await loadStoryTokenizer();
      expect(tokenizer.endToken).toBe(1023);
      for (const { text, ids, greedy_ids: greedyIds, greedy_text: greedyText } of expected.prompts) {
        expect(tokenizer.encode(text)).toEqual(ids);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(tokenizer.decode(greedyIds)).toBe(greedyText);
      }
    });

    it("gives the ids of the held-out stories", async () => {
      const tokenizer = await loadStoryTokenizer();
      const corpus: string[] = JSON.parse(readSharedText("corpora", "tinystories_1000.json"));
      for (const { story, ids } of expected.nll.stories) {
        const own = tokenizer.encode(`<|endoftext|>${repairStory(corpus[story]!)}`).slice(0, 256);
        expect(own, `story ${story}`).toEqual(ids);
      }
    });

    it("decodes any story to the text it encoded", async () => {
      const tokenizer = await loadStoryTokenizer();
      const corpus: string[] = JSON.parse(readSharedText("corpora", "tinystories_1000.json"));
      for (const text of corpus.slice(0, 100)) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    });
  });
});

/** A tokenizer whose words have the ids from 1 on. */
function loadWords(json: object, words: readonly string[]): Promise<TextTokenizer> {
  const vocab = Object.fromEntries(words.map((word, index) => [word, index + 1]));
  return loadTokenizer({
    ...smallTokenizer,
    added_tokens: [],
    decoder: null,
    model: { type: "WordLevel", vocab: { "[UNK]": 0, ...vocab }, unk_token: "[UNK]" },
    ...json,
  });
}

/** `model`: further keys of a tokenizer's model that has words. */
async function encodeWords(model: object): Promise<number[]> {
  const tokenizer = await loadTokenizer({
    ...smallTokenizer,
    added_tokens: [],
    pre_tokenizer: { type: "WhitespaceSplit" },
    decoder: null,
    model: { type: "WordLevel", vocab: { "[UNK]": 0, hello: 1, world: 2 }, ...model },
  });
  return tokenizer.encode("hello there world");
}

function loadStoryTokenizer(): Promise<TextTokenizer> {
  const [tokenizer, config]: unknown[] = ["tokenizer.json", "tokenizer_config.json"].map((file) =>
    JSON.parse(readSharedText("models", "tinystories-gpt2", file)),
  );
  return loadTokenizer(tokenizer, config);
}

/** What the model's README says was done to the corpus: white space normalised, a mis-decoded dash made ASCII. */
function repairStory(text: string): string {
  return text
    .replaceAll(/ +\n/g, "\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .replaceAll("\u00e2\u20ac\u201c", "-");
}
