// Turns what a GGUF file says of its tokenizer into the files that a model's folder has: tokenizer.json, tokenizer_config.json and
// generation_config.json. They are what other tools read too.
import { isRecord } from "../../util/json-value.js";
import { mergesByScore } from "./merges.js";
import { preTokenizers, type PreTokenizer } from "./pre-tokenizers.js";
import {
  failTokenizer,
  readSpecialTokens,
  type SpecialTokens,
  type TokenizerFacts,
} from "./special-tokens.js";
import { readScores, readVocabulary, type Vocabulary } from "./vocabulary.js";

export interface TokenizerFiles {
  /** Undefined if the file has no tokenizer. Made when it is first asked for: that takes a while for large vocabularies. */
  readonly tokenizer: object | undefined;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** Templates are in `tokenizerConfig`. */
  readonly chatTemplate: undefined;
  readonly generationConfig: Readonly<Record<string, unknown>>;
}

type Parts = Readonly<Record<string, unknown>>;

/** What each kind of tokenizer is made of. */
interface Kind {
  /** Checks what the file has, and returns how the parts of tokenizer.json are made. */
  readonly prepare: (facts: TokenizerFacts, vocabulary: Vocabulary, special: SpecialTokens) => () => Parts;
  /** Whether begin and end tokens are added if the file does not say. */
  readonly adds: (facts: TokenizerFacts) => { readonly begin: boolean; readonly end: boolean };
}

const SPACE = "▁";

const kinds: Readonly<Record<string, Kind>> = {
  gpt2: {
    prepare: byteLevel,
    adds: (facts) => ({ begin: preTokenizerOf(facts).addsBegin ?? false, end: false }),
  },
  llama: { prepare: sentencePiece, adds: () => ({ begin: true, end: false }) },
  bert: { prepare: wordPiece, adds: () => ({ begin: true, end: true }) },
  t5: { prepare: unigram, adds: () => ({ begin: false, end: true }) },
};

/** @throws FormatError when the tokenizer is of an unknown kind, or lacks something. */
export function tokenizerFiles(facts: TokenizerFacts): TokenizerFiles {
  const name = facts.value("tokenizer.ggml.model");
  const vocabulary = readVocabulary(facts);
  const special = readSpecialTokens(facts, vocabulary.tokens);
  const whole = parsedTokenizer(facts);
  const make = whole
    ? () => whole
    : name === "none"
      ? () => undefined
      : prepare(facts, name, vocabulary, special);
  let made: object | undefined;
  return {
    get tokenizer() {
      return (made ??= make());
    },
    tokenizerConfig: tokenizerConfig(facts, vocabulary.tokens, special),
    chatTemplate: undefined,
    generationConfig: { eos_token_id: special.ends },
  };
}

function prepare(
  facts: TokenizerFacts,
  name: unknown,
  vocabulary: Vocabulary,
  special: SpecialTokens,
): () => object {
  const kind = typeof name === "string" && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) return failTokenizer(facts, "tokenizer.ggml.model", Object.keys(kinds).join(", "), name);
  const makeParts = kind.prepare(facts, vocabulary, special);
  const usual = kind.adds(facts);
  const adds = {
    begin: flag(facts, "tokenizer.ggml.add_bos_token", usual.begin),
    end: flag(facts, "tokenizer.ggml.add_eos_token", usual.end),
    separator: flag(facts, "tokenizer.ggml.add_sep_token", false),
  };
  return () => ({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: vocabulary.added,
    normalizer: null,
    pre_tokenizer: null,
    ...makeParts(),
    post_processor: template(vocabulary.tokens, special, adds),
  });
}

/** Byte-level pairs: bytes are characters, and merges are listed. */
function byteLevel(facts: TokenizerFacts, { tokens }: Vocabulary): () => Parts {
  const { patterns, composes = false, ignoresMerges = false } = preTokenizerOf(facts);
  const merges = facts.value("tokenizer.ggml.merges");
  if (!Array.isArray(merges) || !merges.every((merge) => typeof merge === "string"))
    return failTokenizer(facts, "tokenizer.ggml.merges", "a list of texts", merges);
  const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return () => ({
    normalizer: composes ? { type: "NFC" } : null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...patterns.map((pattern) => ({
          type: "Split",
          pattern: { Regex: pattern },
          behavior: "Isolated",
          invert: false,
        })),
        level,
      ],
    },
    decoder: level,
    model: {
      type: "BPE",
      vocab: idsOf(tokens),
      // A merge that is none joins nothing.
      merges: merges.map((merge) => halves(merge)).filter((pair) => pair !== undefined),
      byte_fallback: false,
      ignore_merges: ignoresMerges,
    },
  });
}

/** The two tokens of a merge: the first space that is not the first character parts them. */
function halves(merge: string): readonly [string, string] | undefined {
  const at = merge.indexOf(" ", 1);
  return at < 0 || at === merge.length - 1 ? undefined : [merge.slice(0, at), merge.slice(at + 1)];
}

function preTokenizerOf(facts: TokenizerFacts): PreTokenizer {
  const key = "tokenizer.ggml.pre";
  const name = facts.value(key);
  const found = typeof name === "string" ? preTokenizers.get(name) : undefined;
  return found ?? failTokenizer(facts, key, `one of ${[...preTokenizers.keys()].join(", ")}`, name);
}

/** Pairs by score; characters that are no tokens become their bytes. */
function sentencePiece(
  facts: TokenizerFacts,
  { tokens, added, userDefined }: Vocabulary,
  { unknown }: SpecialTokens,
): () => Parts {
  // Files give these the lowest score; in the original they have the highest, 0.
  const scores = readScores(facts, tokens.length).map((score, id) => (userDefined.has(id) ? 0 : score));
  const hasPrefix = flag(facts, "tokenizer.ggml.add_space_prefix", true);
  const control = new Set(added.filter(({ special }) => special).map(({ id }) => id));
  const toSpace = { type: "Replace", pattern: { String: SPACE }, content: " " };
  const fromSpace = { type: "Replace", pattern: { String: " " }, content: SPACE };
  return () => ({
    normalizer: {
      type: "Sequence",
      normalizers: [...(hasPrefix ? [{ type: "Prepend", prepend: SPACE }] : []), fromSpace],
    },
    decoder: {
      type: "Sequence",
      decoders: [
        toSpace,
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(hasPrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      vocab: idsOf(tokens),
      merges: mergesByScore(tokens, scores, (id) => control.has(id)),
      unk_token: unknown === undefined ? null : tokens[unknown],
      fuse_unk: true,
      byte_fallback: true,
    },
  });
}

/** Whole words and their continuations. Files mark the words, tokenizer.json the continuations. */
function wordPiece(
  facts: TokenizerFacts,
  { tokens, added }: Vocabulary,
  { unknown }: SpecialTokens,
): () => Parts {
  const special = new Set(added.map(({ id }) => id));
  const own = tokens.map((token, id) =>
    special.has(id) || /^\[.*\]$/.test(token)
      ? token
      : token.startsWith(SPACE)
        ? token.slice(1)
        : `##${token}`,
  );
  const lowercase = flag(facts, "tokenizer.ggml.normalizer.lowercase", true);
  const strip = facts.value("tokenizer.ggml.normalizer.strip_accents");
  return () => ({
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: typeof strip === "boolean" ? strip : null,
      lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      vocab: idsOf(own),
      unk_token: unknown === undefined ? "[UNK]" : tokens[unknown],
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
  });
}

/** The most probable pieces, by the logarithms of their probabilities. */
function unigram(facts: TokenizerFacts, { tokens }: Vocabulary, { unknown }: SpecialTokens): () => Parts {
  const scores = readScores(facts, tokens.length);
  const map = facts.value("tokenizer.ggml.precompiled_charsmap");
  const cutsSpaces = flag(facts, "tokenizer.ggml.remove_extra_whitespaces", true);
  const hasPrefix = flag(facts, "tokenizer.ggml.add_space_prefix", true);
  const space = {
    type: "Metaspace",
    replacement: SPACE,
    prepend_scheme: hasPrefix ? "always" : "never",
    split: true,
  };
  return () => ({
    normalizer: Array.isArray(map)
      ? { type: "Precompiled", precompiled_charsmap: toBase64(Uint8Array.from(map as number[])) }
      : null,
    pre_tokenizer: cutsSpaces
      ? { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, space] }
      : space,
    decoder: space,
    model: {
      type: "Unigram",
      unk_id: unknown,
      vocab: tokens.map((token, id) => [token, scores[id]!]),
      byte_fallback: false,
    },
  });
}

/** What is put around a text, and around two. */
function template(
  tokens: readonly string[],
  { begin, end, separator }: SpecialTokens,
  adds: { readonly begin: boolean; readonly end: boolean; readonly separator: boolean },
): Parts | null {
  const own = (id: number | undefined, isAdded: boolean, type: number): object[] =>
    isAdded && id !== undefined ? [{ SpecialToken: { id: tokens[id], type_id: type } }] : [];
  const [first, second] = ["A", "B"].map((id, type) => ({ Sequence: { id, type_id: type } }));
  const ids = [begin, end, separator].filter((id) => id !== undefined);
  return {
    type: "TemplateProcessing",
    single: [...own(begin, adds.begin, 0), first, ...own(end, adds.end, 0)],
    pair: [
      ...own(begin, adds.begin, 0),
      first,
      ...own(end, adds.end, 0),
      ...own(separator, adds.separator, 0),
      second,
      ...own(end, adds.end, 1),
    ],
    special_tokens: Object.fromEntries(
      ids.map((id) => [tokens[id]!, { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
  };
}

function tokenizerConfig(facts: TokenizerFacts, tokens: readonly string[], special: SpecialTokens): Parts {
  const text = (key: string, id: number | undefined): Parts =>
    id === undefined ? {} : { [key]: tokens[id] };
  const templates = chatTemplates(facts);
  return {
    ...text("bos_token", special.begin),
    ...text("eos_token", special.end),
    ...text("unk_token", special.unknown),
    ...text("pad_token", special.padding),
    ...text("sep_token", special.separator),
    ...text("cls_token", special.classification),
    ...text("mask_token", special.mask),
    clean_up_tokenization_spaces: false,
    ...(templates === undefined ? {} : { chat_template: templates }),
  };
}

/** One template, or a list of named ones, as tokenizer_config.json has them. */
function chatTemplates(facts: TokenizerFacts): unknown {
  const main = facts.value("tokenizer.chat_template");
  const names = facts.value("tokenizer.chat_templates");
  if (!Array.isArray(names) || names.length === 0) return typeof main === "string" ? main : undefined;
  const all = new Map<string, unknown>([["default", main]]);
  for (const name of names) all.set(String(name), facts.value(`tokenizer.chat_template.${String(name)}`));
  return [...all]
    .filter(([, own]) => typeof own === "string")
    .map(([name, own]) => ({ name, template: own }));
}

/** Some files hold the whole tokenizer.json. */
function parsedTokenizer(facts: TokenizerFacts): object | undefined {
  const key = "tokenizer.huggingface.json";
  const text = facts.value(key);
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
    if (isRecord(parsed)) return parsed;
  } catch {
    // Reported below.
  }
  return failTokenizer(facts, key, "JSON of an object", text);
}

function flag(facts: TokenizerFacts, key: string, missing: boolean): boolean {
  const value = facts.value(key) ?? missing;
  return typeof value === "boolean" ? value : failTokenizer(facts, key, "true or false", value);
}

const idsOf = (tokens: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}
