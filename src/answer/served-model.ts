// What answers are made with: the calls of Model and of WorkerModel, by their shape, so that either fits, and a test's own too.
import type {
  ChatMessage,
  Embeddings,
  EmbedOptions,
  GenerateOptions,
  Generation,
  ModelStats,
  RankedDocument,
  RerankOptions,
  Sentence,
  TextLike,
} from "../index.js";

/** A text being generated: a GenerationHandle, by what is used of it. */
export interface ServedGeneration extends PromiseLike<Generation>, AsyncIterable<string> {
  cancel(): void;
}

/** The calls of a model that are served. Model and WorkerModel have them. */
export interface ServedModel {
  readonly info: {
    readonly config: { readonly contextLength: number };
    /** The text of the template by which conversations are written, if the model has one. */
    readonly chatTemplate?: string;
  };
  generate(prompt: string | Sentence, options?: GenerateOptions): ServedGeneration;
  chat(messages: readonly ChatMessage[], options?: GenerateOptions): ServedGeneration;
  embed(texts: readonly TextLike[], options?: EmbedOptions): PromiseLike<Embeddings>;
  rerank(
    query: string,
    documents: readonly string[],
    options?: RerankOptions,
  ): PromiseLike<readonly RankedDocument[]>;
  encode(text: string): Promise<number[]>;
  decode(ids: Sentence): Promise<string>;
  stats(): ModelStats | Promise<ModelStats>;
}
