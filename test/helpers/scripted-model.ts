// A model that is served in tests: it writes what a script says, a piece at a time, and keeps what it was asked.
import type { ServedModel } from "../../src/answer/served-model.js";
import { ArgumentError, CancelledError } from "../../src/errors.js";
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
} from "../../src/index.js";
import { GenerationHandle } from "../../src/runtime/generate/handle.js";

export interface AskedFor {
  readonly prompt: string | Sentence | readonly ChatMessage[];
  readonly options: GenerateOptions;
}

export interface ScriptOptions {
  readonly template?: string;
  /** Awaited before each piece. Default: a turn of the event loop. */
  readonly beforePiece?: (index: number) => Promise<void>;
  /** Thrown where text would be written, or vectors made. */
  readonly failure?: Error;
}

export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Every character is a token, and its id is its code. */
export class ScriptedModel implements ServedModel {
  readonly info: ServedModel["info"];
  readonly asked: AskedFor[] = [];
  readonly embedded: { readonly texts: readonly TextLike[]; readonly options: EmbedOptions }[] = [];
  /** Generations that have not ended. */
  running = 0;
  /** How generations ended. */
  readonly ended: string[] = [];
  /** Pieces that were written, over all. */
  written = 0;
  readonly #script: (asked: AskedFor) => readonly string[];
  readonly #options: ScriptOptions;

  constructor(script: (asked: AskedFor) => readonly string[], options: ScriptOptions = {}) {
    this.#script = script;
    this.#options = options;
    this.info = {
      config: { contextLength: 1000 },
      ...(options.template === undefined ? {} : { chatTemplate: options.template }),
    };
  }

  generate(prompt: string | Sentence, options: GenerateOptions = {}): GenerationHandle {
    return this.#begin({ prompt, options });
  }

  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): GenerationHandle {
    return this.#begin({ prompt: messages, options });
  }

  async embed(texts: readonly TextLike[], options: EmbedOptions = {}): Promise<Embeddings> {
    this.embedded.push({ texts, options });
    if (this.#options.failure) throw this.#options.failure;
    await this.#options.beforePiece?.(0);
    if (options.signal?.aborted) throw new CancelledError("Embedding", options.signal.reason);
    const vectors = texts.map((text) => {
      const { length } = text as string | readonly number[];
      return Float32Array.from([length, -0.5, 1 / 3].slice(0, options.dimensions ?? 3));
    });
    const tokens = texts.reduce((sum, text) => sum + (text as string).length, 0);
    return { vectors, dimensions: vectors[0]!.length, tokens, truncated: [] };
  }

  /** The longest is the most relevant. */
  async rerank(
    query: string,
    documents: readonly string[],
    { topK = documents.length }: RerankOptions = {},
  ): Promise<RankedDocument[]> {
    return documents
      .map(({ length }, index) => ({ index, score: length / (length + query.length) }))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, topK);
  }

  async encode(text: string): Promise<number[]> {
    return Array.from(text, (sign) => sign.codePointAt(0)!);
  }

  async decode(ids: Sentence): Promise<string> {
    return String.fromCodePoint(...Array.from(ids as ArrayLike<number>));
  }

  stats(): ModelStats {
    return {
      running: this.running,
      waiting: 0,
      steps: 0,
      generatedTokens: this.written,
      computedRows: 0,
      sharedRows: 0,
      preemptions: 0,
      dispatches: 0,
      cachePages: 8,
      freePages: 8 - Math.min(8, this.running),
      windowPages: 0,
      freeWindowPages: 0,
    };
  }

  #begin(asked: AskedFor): GenerationHandle {
    this.asked.push(asked);
    const cancelled = new AbortController();
    return new GenerationHandle(
      this.asked.length,
      (emit) => this.#write(asked, cancelled.signal, emit),
      () => cancelled.abort(),
    );
  }

  async #write(asked: AskedFor, cancelled: AbortSignal, emit: (piece: string) => void): Promise<Generation> {
    const { options, prompt } = asked;
    if (this.#options.failure) throw this.#options.failure;
    if (prompt.length > 500)
      throw new ArgumentError({
        argument: "prompt",
        expected: "1 to 500 tokens, so that the context of 501 has room for one more",
        received: prompt.length,
        remedy: "Shorten the prompt.",
      });
    this.running++;
    let text = "";
    let finishReason: Generation["finishReason"] = "stop";
    const isEnded = (): boolean => cancelled.aborted || (options.signal?.aborted ?? false);
    for (const [index, piece] of this.#script(asked).entries()) {
      await (this.#options.beforePiece ?? turn)(index);
      if (isEnded() || text.length >= (options.maxTokens ?? Infinity)) {
        finishReason = isEnded() ? "abort" : "length";
        break;
      }
      text += piece;
      this.written++;
      emit(piece);
    }
    this.running--;
    this.ended.push(finishReason);
    const tokens = await this.encode(text);
    return {
      text,
      tokens,
      ...(options.logProbabilities ? { logProbabilities: tokens.map((id) => -id / 1000) } : {}),
      finishReason,
      usage: { promptTokens: prompt.length, completionTokens: tokens.length },
      timings: { queueMs: 0, firstTokenMs: 1, totalMs: 2, tokensPerSecond: 0 },
    };
  }
}
