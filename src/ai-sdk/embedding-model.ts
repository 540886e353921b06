// A model as an embedding model of the AI SDK.
import type { NamedModel } from "../answer/named-models.js";
import type { Specification, WeftEmbeddingModel } from "./specification.js";

export function embeddingModel<Version extends Specification>(
  { name, model }: NamedModel,
  specificationVersion: Version,
): WeftEmbeddingModel<Version> {
  return {
    specificationVersion,
    provider: "weft",
    modelId: name,
    // One call of any number of texts is what weft is made for.
    maxEmbeddingsPerCall: undefined,
    supportsParallelCalls: true,
    async doEmbed({ values, dimensions, abortSignal }) {
      abortSignal?.throwIfAborted();
      const { vectors, tokens } = await model.embed(values, {
        tooLong: "refuse",
        ...(dimensions === undefined ? {} : { dimensions }),
        ...(abortSignal ? { signal: abortSignal } : {}),
      });
      return { embeddings: vectors.map((vector) => [...vector]), usage: { tokens }, warnings: [] };
    },
  };
}
