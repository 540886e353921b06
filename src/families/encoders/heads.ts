// Heads of encoders: classifiers of texts and of tokens, the relevance of a pair, and masked tokens. Which one a file has is told
// by its class. https://github.com/huggingface/transformers, the models' own modules.
import type { ConfigReader } from "../config-reader.js";
import { tensor, type RoleSource } from "../family.js";
import type { ClassifierConfig, ModelConfig } from "../model-config.js";
import type { ClassifierRecipe, HeadActivation, HeadRecipe, HeadStep } from "../recipe.js";
import { isRecord } from "../../util/json-value.js";

/** How the heads of a kind of models are made, and what files call their parts. */
export interface HeadKind {
  /** Of a text's row: what comes before the classifier, if anything does. */
  readonly dense: { readonly of: string; readonly activation: HeadActivation; readonly bias: boolean };
  /** The norm behind it. */
  readonly norm?: string;
  /** Whether tokens are classified by the same steps as texts; otherwise by the last one alone. */
  readonly sameForTokens?: true;
  readonly classifier: { readonly texts: string; readonly tokens: string };
  /** Of masked tokens: dense, norm, and what has the bias of the vocabulary. */
  readonly masked: {
    readonly dense: string;
    readonly norm: string;
    readonly output: string;
    /** Default: the model's own. */
    readonly activation?: HeadActivation;
  };
}

const TOKENS = "ForTokenClassification";
const TEXTS = "ForSequenceClassification";
const MASKED = "ForMaskedLM";

/** The classes of a family by the beginning of their names. */
export const classesOf = (...beginnings: readonly string[]): string[] =>
  beginnings.flatMap((own) => ["Model", MASKED, TEXTS, TOKENS].map((end) => own + end));

export type HeadConfig = Pick<ModelConfig, "classifier" | "predictsMasked" | "tiedHead">;

/** `pooling`: what the row of a text is. */
export function readHead(keys: ConfigReader, pooling: ClassifierConfig["pooling"] = "cls"): HeadConfig {
  const listed = keys.keys["architectures"];
  const isClass = (end: string): boolean =>
    Array.isArray(listed) && listed.some((name) => typeof name === "string" && name.endsWith(end));
  if (isClass(MASKED)) {
    keys.expectFlag("tie_word_embeddings", true);
    return { predictsMasked: true, tiedHead: true };
  }
  const of = isClass(TOKENS) ? "tokens" : isClass(TEXTS) ? "texts" : undefined;
  return { tiedHead: false, ...(of ? { classifier: { ...readClassifier(keys, of), pooling } } : {}) };
}

const problems = {
  single_label_classification: "single",
  multi_label_classification: "multi",
  regression: "regression",
} as const;

const relevances: Readonly<Record<string, NonNullable<ClassifierConfig["relevance"]>>> = {
  Sigmoid: "sigmoid",
  Identity: "identity",
};

function readClassifier(keys: ConfigReader, of: "tokens" | "texts"): Omit<ClassifierConfig, "pooling"> {
  const {
    problem_type: problem,
    sentence_transformers: own,
    sbert_ce_default_activation_function: older,
  } = keys.keys;
  const activation = (isRecord(own) ? own["activation_fn"] : undefined) ?? older;
  return {
    of,
    labels: readLabels(keys),
    ...(typeof problem === "string" && Object.hasOwn(problems, problem)
      ? { problem: problems[problem as keyof typeof problems] }
      : {}),
    ...relevanceOf(activation),
  };
}

/** What a file says by the path of a class in Python; nothing if it says nothing, or what only Python knows. */
export function relevanceOf(activation: unknown): Pick<ClassifierConfig, "relevance"> {
  const name = typeof activation === "string" ? activation.slice(activation.lastIndexOf(".") + 1) : "";
  return Object.hasOwn(relevances, name) ? { relevance: relevances[name]! } : {};
}

/** The names in the order of their numbers. Files that name none have as many as they say, or two. */
function readLabels(keys: ConfigReader): readonly string[] {
  const { id2label: names } = keys.keys;
  if (!keys.has("id2label"))
    return Array.from({ length: keys.optionalSize("num_labels") ?? 2 }, (_, index) => `LABEL_${index}`);
  const expected = 'an object with a name for each number: { "0": "NEGATIVE", "1": "POSITIVE" }';
  if (!isRecord(names)) return keys.fail("id2label", expected);
  const labels = Object.keys(names).map((_, index) => names[String(index)]);
  if (labels.length > 0 && labels.every((label): label is string => typeof label === "string")) return labels;
  return keys.fail("id2label", expected);
}

/** The heads of a recipe. */
export function headRecipe(
  { classifier, predictsMasked, tiedHead, activation: own }: ModelConfig,
  { dense, norm, sameForTokens, masked }: HeadKind,
): { readonly head?: HeadRecipe; readonly classifier?: ClassifierRecipe } {
  const bias = dense.bias ? "always" : "never";
  const normStep: HeadStep = { kind: "norm", role: "headNorm", bias };
  if (predictsMasked) {
    const { activation = own } = masked;
    const transform: HeadStep[] = [
      { kind: "linear", role: "headDense", to: "channels", bias, activation },
      normStep,
    ];
    return { head: { transform, tied: tiedHead, bias: "optional" } };
  }
  if (!classifier) return {};
  const before: HeadStep[] = [
    { kind: "linear", role: "headDense", to: "channels", bias, activation: dense.activation },
    ...(norm === undefined ? [] : [normStep]),
  ];
  const last: HeadStep = { kind: "linear", role: "classifier", to: "labels", bias: "always" };
  const isOfTokens = classifier.of === "tokens";
  return {
    classifier: {
      of: isOfTokens ? "tokens" : classifier.pooling,
      steps: [...(isOfTokens && !sameForTokens ? [] : before), last],
    },
  };
}

/** Where files have them. */
export function headRoles(
  { classifier, predictsMasked }: ModelConfig,
  { dense, norm, masked, ...kind }: HeadKind,
): Readonly<Record<string, RoleSource>> {
  if (predictsMasked)
    return {
      headDense: tensor(masked.dense),
      headNorm: tensor(masked.norm),
      // Its bias: the matrix is the embedding's.
      head: tensor(masked.output),
    };
  if (!classifier) return {};
  return {
    headDense: tensor(dense.of),
    ...(norm === undefined ? {} : { headNorm: tensor(norm) }),
    classifier: tensor(kind.classifier[classifier.of]),
  };
}
