// Documents in the order of their relevance to a query, by a cross-encoder: a classifier of one label that reads both together.
import { ArgumentError } from "../../errors.js";
import { checkWhole } from "../../util/check.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import { checkList, type Sentence } from "../load/check-input.js";
import type { TextCalls, TextOptions } from "./calls.js";
import { classifierLogits, expectClassifier } from "./classify.js";
import { sigmoid } from "./labels.js";
import { textOptionNames } from "./options.js";

/** How documents are put in order. */
export interface RerankOptions extends TextOptions {
  /** The most documents that are returned. Default: all. */
  readonly topK?: number;
}

/** How relevant a document is, by its index in the call. */
export interface RankedDocument {
  readonly index: number;
  /** As the model's files say: from 0 to 1, or the logit itself. */
  readonly score: number;
  /** Set if query and document together were too long, and only the beginning was read. */
  readonly isCut?: true;
}

const optionNames: OptionNames<RerankOptions> = { topK: true, ...textOptionNames };

export async function rerankDocuments(
  calls: TextCalls,
  query: string | Sentence,
  documents: readonly (string | Sentence)[],
  options: RerankOptions,
): Promise<RankedDocument[]> {
  checkOptionNames(options, optionNames);
  checkList(documents, "documents");
  const topK = checkWhole("topK", options.topK, documents.length, { least: 1 });
  const classifier = expectClassifier(calls, "rerank");
  if (classifier.of !== "texts" || classifier.labels.length !== 1) {
    throw new ArgumentError({
      argument: "model",
      expected: "one whose classifier has one label, how relevant a text is",
      received: `one that classifies ${classifier.of} by ${classifier.labels.length} labels`,
      remedy: "Its labels come from model.classify, to which pairs of texts may be passed.",
    });
  }
  const pairs = documents.map((document) => [query, document] as const);
  const logits = await classifierLogits(calls, pairs, options, "rerank", (index) => `documents[${index}]`);
  const relevance = calls.loaded.textFiles.sentence?.relevance ?? classifier.relevance ?? "sigmoid";
  return logits
    .map(({ logits: [logit], ...cut }, index) => ({
      index,
      score: relevance === "sigmoid" ? sigmoid(logit!) : logit!,
      ...cut,
    }))
    .toSorted((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, topK);
}
