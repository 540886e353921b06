// Turns texts into vectors: tokens, ragged forward passes of many texts, pooling on the GPU, and what the model's files do after it.
import { ArgumentError } from "../../errors.js";
import { poolingMethods, type PoolingName } from "../../kernels/pooling/pooling.js";
import type { TextTokenizer } from "../../text/tokenizer.js";
import { checkChoice, checkWhole } from "../../util/check.js";
import { throwIfAborted } from "../../util/signal.js";
import { checkIds, checkSentence, type Sentence } from "../load/check-input.js";
import type { LoadedModel } from "../load/loaded-model.js";
import type { SentenceSettings } from "../load/sentence-files.js";
import { finishVector } from "./finish-vector.js";
import type { Embeddings, EmbedOptions } from "./options.js";

/** The rows of a pass: as many as fill a GPU, in memory that does not depend on the number of texts. */
const ROWS_PER_PASS = 8192;

export interface EmbedCalls {
  readonly loaded: LoadedModel;
  readonly tokenizer: () => Promise<TextTokenizer>;
  /** Runs a forward pass whose rows are pooled. */
  readonly pool: (
    sentences: readonly Sentence[],
    methods: readonly PoolingName[],
    skipped: readonly number[] | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<readonly Float32Array<ArrayBuffer>[]>;
}

export async function embedTexts(
  { loaded, tokenizer, pool }: EmbedCalls,
  texts: readonly (string | Sentence)[],
  options: EmbedOptions,
): Promise<Embeddings> {
  const { signal, onProgress } = options;
  const settings = loaded.textFiles.sentence;
  const methods = methodsOf(options, settings);
  const width = settings?.dense.at(-1)?.outputs ?? methods.length * loaded.config.channels;
  const dimensions = checkWhole("dimensions", options.dimensions, undefined, { least: 1, most: width });
  const finish = {
    dense: settings?.dense ?? [],
    dimensions,
    normalizes: options.normalize ?? settings?.normalizes ?? false,
  };
  const encoder = new PromptedEncoder(loaded, settings, options, tokenizer);
  const vectors: Float32Array<ArrayBuffer>[] = [];
  const known = new Map<string, Float32Array<ArrayBuffer>>();
  const truncated: number[] = [];
  let tokens = 0;
  // Texts by what distinguishes them, so that the same ones are computed once.
  const pass = new Map<string, { readonly ids: Uint32Array; readonly skipped: number }>();
  let rows = 0;
  const waiting: { readonly index: number; readonly key: string }[] = [];
  const run = async (): Promise<void> => {
    const own = [...pass.values()];
    const pooled =
      own.length === 0
        ? []
        : await pool(
            own.map(({ ids }) => ids),
            methods,
            own.some(({ skipped }) => skipped > 0) ? own.map(({ skipped }) => skipped) : undefined,
            signal,
          );
    for (const [index, key] of [...pass.keys()].entries())
      known.set(key, finishVector(pooled[index]!, finish));
    for (const { index, key } of waiting.splice(0)) vectors[index] = known.get(key)!;
    pass.clear();
    rows = 0;
    onProgress?.({ done: vectors.length, total: texts.length });
  };
  for (const [index, text] of texts.entries()) {
    throwIfAborted(signal, "Embedding");
    const { ids, skipped, isCut } = await encoder.encode(text, index);
    if (isCut) truncated.push(index);
    tokens += ids.length;
    const key = `${skipped}:${ids.join()}`;
    waiting.push({ index, key });
    if (known.has(key) || pass.has(key)) continue;
    pass.set(key, { ids, skipped });
    rows += ids.length;
    if (rows >= ROWS_PER_PASS) await run();
  }
  await run();
  return { vectors, dimensions: dimensions ?? width, tokens, truncated };
}

function methodsOf(
  { pooling }: EmbedOptions,
  settings: SentenceSettings | undefined,
): readonly PoolingName[] {
  const methods = pooling === undefined ? settings?.poolings : [pooling].flat();
  if (methods === undefined || methods.length === 0) {
    throw new ArgumentError({
      argument: "pooling",
      expected: `one of ${Object.keys(poolingMethods).join(", ")}, as the model's files (modules.json) say none`,
      received: pooling,
      remedy: "The model's card says which: most use mean or cls, with normalize: true.",
    });
  }
  return methods.map((name) =>
    checkChoice("pooling", name, "mean", Object.keys(poolingMethods) as PoolingName[]),
  );
}

interface EncodedText {
  readonly ids: Uint32Array;
  /** Tokens of a prompt that do not count. */
  readonly skipped: number;
  readonly isCut: boolean;
}

/** Encodes texts with a prompt in front, and cuts them. */
class PromptedEncoder {
  readonly #loaded: LoadedModel;
  readonly #settings: SentenceSettings | undefined;
  readonly #tokenizer: () => Promise<TextTokenizer>;
  readonly #prompt: string;
  readonly #tooLong: "cut" | "refuse";
  #promptTokens: number | undefined;

  constructor(
    loaded: LoadedModel,
    settings: SentenceSettings | undefined,
    options: EmbedOptions,
    tokenizer: () => Promise<TextTokenizer>,
  ) {
    this.#loaded = loaded;
    this.#settings = settings;
    this.#tokenizer = tokenizer;
    this.#prompt = promptOf(options, settings);
    this.#tooLong = checkChoice("tooLong", options.tooLong, "cut", ["cut", "refuse"]);
  }

  async encode(text: string | Sentence, index: number): Promise<EncodedText> {
    const { contextLength, vocabularySize: vocabulary } = this.#loaded.config;
    const argument = `texts[${index}]`;
    if (typeof text !== "string") {
      const ids = checkSentence(checkIds(text, argument), argument, { contextLength, vocabulary });
      return { ids, skipped: 0, isCut: false };
    }
    const tokenizer = await this.#tokenizer();
    const whole = `${this.#prompt}${this.#settings?.isLowerCase ? text.toLowerCase() : text}`;
    const all = tokenizer.encode(whole);
    const most = this.#mostTokens();
    if (all.length > most && this.#tooLong === "refuse") {
      throw new ArgumentError({
        argument,
        expected: `at most ${most} tokens`,
        received: all.length,
        remedy: 'Shorten the text, or leave tooLong out: then texts are cut, and listed in "truncated".',
      });
    }
    const ids = all.length > most ? cut(tokenizer, whole, all, most) : all;
    const checked = checkSentence(ids, argument, { contextLength, vocabulary });
    return { ids: checked, skipped: this.#skipped(tokenizer, checked.length), isCut: all.length > most };
  }

  #mostTokens(): number {
    const { config, textFiles } = this.#loaded;
    const own = (textFiles.tokenizerConfig as { model_max_length?: unknown } | undefined)?.model_max_length;
    const limits = [this.#settings?.maxTokens, typeof own === "number" ? own : undefined];
    return Math.min(config.contextLength, ...limits.filter((limit) => limit !== undefined));
  }

  /** The tokens of the prompt with those in front of it, if they do not count: without those that end a text. */
  #skipped(tokenizer: TextTokenizer, length: number): number {
    if (this.#prompt === "" || this.#settings?.includesPrompt !== false) return 0;
    if (this.#promptTokens === undefined) {
      const all = tokenizer.encode(this.#prompt);
      this.#promptTokens = all.length - frameOf(tokenizer, this.#prompt, all).suffix.length;
    }
    return Math.min(this.#promptTokens, length - 1);
  }
}

function promptOf({ prompt, promptText }: EmbedOptions, settings: SentenceSettings | undefined): string {
  if (promptText !== undefined) return promptText;
  const name = prompt ?? settings?.defaultPrompt;
  if (name === undefined) return "";
  const { prompts = {} } = settings ?? {};
  if (Object.hasOwn(prompts, name)) return prompts[name]!;
  throw new ArgumentError({
    argument: "prompt",
    expected: `one of the model's prompts: ${Object.keys(prompts).join(", ") || "it has none"}`,
    received: name,
    remedy: "Pass a text of your own as promptText.",
  });
}

/** The tokens that the tokenizer puts around a text. */
function frameOf(
  tokenizer: TextTokenizer,
  text: string,
  all: readonly number[],
): {
  readonly prefix: readonly number[];
  readonly inner: readonly number[];
  readonly suffix: readonly number[];
} {
  const inner = tokenizer.encode(text, { addSpecialTokens: false });
  const extra = all.length - inner.length;
  for (let first = 0; first <= extra; first++)
    if (inner.every((id, index) => all[first + index] === id))
      return { prefix: all.slice(0, first), inner, suffix: all.slice(first + inner.length) };
  return { prefix: [], inner: all, suffix: [] };
}

/** The first tokens of a text, with all that the tokenizer puts around it. */
function cut(tokenizer: TextTokenizer, text: string, all: readonly number[], most: number): number[] {
  const { prefix, inner, suffix } = frameOf(tokenizer, text, all);
  return [...prefix, ...inner.slice(0, Math.max(0, most - prefix.length - suffix.length)), ...suffix].slice(
    0,
    most,
  );
}
