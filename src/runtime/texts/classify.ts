// Labels of texts and of their tokens, by a classifier on the GPU.
import { ArgumentError } from "../../errors.js";
import { classifierHead, type RowHead } from "../../model/row-head.js";
import type { ClassifierConfig } from "../../families/model-config.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import { checkList } from "../load/check-input.js";
import type { OutputRequest } from "../passes/output.js";
import { forEachText, passOptions, type TextCalls, type TextOptions } from "./calls.js";
import { TextEncoder, type ReadyText, type TextLike } from "./input.js";
import { bestOf, scoreLabels, type LabelScore } from "./labels.js";
import { findPlaces } from "./places.js";
import { textOptionNames } from "./options.js";

/** How texts are classified. */
export interface ClassifyOptions extends TextOptions {
  /** Whether every token gets a label, or every text. Default: what the model's classifier is for. */
  readonly tokens?: boolean;
}

/** What a classifier says of a text: the likeliest label first of all. */
export interface Classification extends LabelScore {
  /** All labels, in the model's order. */
  readonly scores: readonly LabelScore[];
  /** What the probabilities come from, in the same order. */
  readonly logits: Float32Array<ArrayBuffer>;
  /** Set if the text was too long, and only its beginning was read. */
  readonly isCut?: true;
}

/** What a classifier says of a token. */
export interface TokenClassification extends Classification {
  readonly id: number;
  /** The token is `text.slice(start, end)`. Undefined if the text was given as ids or as a pair. */
  readonly start: number | undefined;
  readonly end: number | undefined;
}

const optionNames: OptionNames<ClassifyOptions> = { tokens: true, ...textOptionNames };

export async function classifyTexts(
  calls: TextCalls,
  texts: readonly TextLike[],
  options: ClassifyOptions,
): Promise<Classification[] | TokenClassification[][]> {
  checkOptionNames(options, optionNames);
  checkList(texts, "texts");
  const classifier = expectClassifier(calls, "classify");
  const ofTokens = options.tokens ?? classifier.of === "tokens";
  if (ofTokens !== (classifier.of === "tokens")) {
    throw new ArgumentError({
      argument: "tokens",
      expected: `${!ofTokens}, as this model classifies ${classifier.of}`,
      received: ofTokens,
      remedy: "Leave it out, or load a model of the other kind.",
    });
  }
  return ofTokens
    ? classifyTokens(calls, texts, options, classifier)
    : (await classifierLogits(calls, texts, options, "classify")).map(({ logits, ...cut }) => ({
        ...classification(logits, classifier),
        ...cut,
      }));
}

function classification(logits: Float32Array<ArrayBuffer>, classifier: ClassifierConfig): Classification {
  const scores = scoreLabels(logits, classifier);
  return { ...bestOf(scores), scores, logits };
}

/** The logits of a text, and whether it was cut. */
interface TextLogits {
  readonly logits: Float32Array<ArrayBuffer>;
  readonly isCut?: true;
}

/** Those of each text. */
export async function classifierLogits(
  calls: TextCalls,
  texts: readonly TextLike[],
  options: TextOptions,
  operation: string,
  nameOf?: (index: number) => string,
): Promise<TextLogits[]> {
  expectClassifier(calls, operation);
  const { loaded, tokenizer } = calls;
  const head = headOf(calls);
  const results: TextLogits[] = [];
  await forEachText<Float32Array<ArrayBuffer>>(texts, {
    operation: "Classification",
    loaded,
    ...(nameOf ? { nameOf } : {}),
    encoder: new TextEncoder({
      loaded,
      sentence: loaded.textFiles.sentence,
      tokenizer,
      tooLong: options.tooLong,
    }),
    options,
    compute: async (own) => runOf(calls, operation, own, { kind: "pooled", head }, options),
    onResult: (index, logits, { isCut }) => void (results[index] = { logits, ...(isCut ? { isCut } : {}) }),
  });
  return results;
}

async function classifyTokens(
  calls: TextCalls,
  texts: readonly TextLike[],
  options: ClassifyOptions,
  classifier: ClassifierConfig,
): Promise<TokenClassification[][]> {
  const { loaded, tokenizer } = calls;
  const head = headOf(calls);
  const width = classifier.labels.length;
  const results: TokenClassification[][] = [];
  const found: {
    readonly index: number;
    readonly logits: Float32Array<ArrayBuffer>;
    readonly text: ReadyText;
  }[] = [];
  await forEachText<Float32Array<ArrayBuffer>>(texts, {
    operation: "Classification",
    loaded,
    encoder: new TextEncoder({
      loaded,
      sentence: loaded.textFiles.sentence,
      tokenizer,
      // What is cut has no labels, and nothing in the result would say so.
      tooLong: options.tooLong ?? "refuse",
    }),
    options,
    compute: async (own) => runOf(calls, "classify", own, { kind: "all", head }, options),
    onResult: (index, logits, text) => void found.push({ index, logits, text }),
  });
  for (const { index, logits, text } of found) {
    const given = texts[index]!;
    const places =
      typeof given === "string"
        ? findPlaces(await tokenizer(), given, text.ids, loaded.textFiles.sentence?.isLowerCase)
        : undefined;
    results[index] = Array.from(text.ids, (id, token): TokenClassification => {
      const own = logits.slice(token * width, (token + 1) * width);
      const place = places?.[token];
      return { id, start: place?.start, end: place?.end, ...classification(own, classifier) };
    }).filter((_, token) => !places || places[token]);
  }
  return results;
}

function runOf(
  { run }: TextCalls,
  operation: string,
  texts: readonly ReadyText[],
  output: OutputRequest,
  { signal }: TextOptions,
): Promise<readonly Float32Array<ArrayBuffer>[]> {
  const sentences = texts.map(({ ids }) => ids);
  return run(operation, sentences, output, passOptions(texts, signal));
}

const headOf = ({ loaded }: TextCalls): RowHead => classifierHead(loaded.replicas[0]!.forward);

export function expectClassifier({ loaded }: TextCalls, operation: string): ClassifierConfig {
  const { classifier } = loaded.config;
  if (classifier) return classifier;
  throw new ArgumentError({
    argument: "model",
    expected: `one with a classifier, for ${operation}`,
    received: `one of the type ${loaded.config.modelType} without`,
    remedy:
      'Load a model whose config.json names a class "…ForSequenceClassification" or "…ForTokenClassification".',
  });
}
