// The head over the vocabulary of models that predict masked tokens.
import { ArgumentError } from "../../errors.js";
import { vocabularyHead, type RowHead } from "../../model/row-head.js";
import type { LoadedModel } from "../load/loaded-model.js";

/** @throws ArgumentError if the model has none, or if its files lack a part of it. */
export function maskedHead({ definition, config, replicas }: LoadedModel, operation: string): RowHead {
  const { forward, weights } = replicas[0]!;
  if (!config.predictsMasked || !definition.recipe.head?.transform) {
    throw new ArgumentError({
      argument: "model",
      expected: `one that predicts masked tokens, for ${operation}`,
      received: `one of the type ${config.modelType} that does not`,
      remedy: 'Load a model whose config.json names a class "…ForMaskedLM".',
    });
  }
  const parts = weights.parameters.filter(({ role }) => role === "head" || role.startsWith("head"));
  const missing = parts.filter((own) => own.stored !== "never" && !weights.stored.includes(own));
  if (missing.length === 0) return vocabularyHead(forward);
  throw new ArgumentError({
    argument: "model",
    expected: "files with the head that config.json names",
    received: `files without ${missing[0]!.name}`,
    remedy: `They lack ${missing.map(({ name }) => name).join(", ")}: use the folder of the model that they were made from.`,
  });
}
