// A model that is loaded again when its device is lost. What was being written goes on where it was: the same seed gives the same
// text, so that it is written once more, and what was passed on already is left out.
import {
  ResultHandle,
  type ChatMessage,
  type Embeddings,
  type EmbedOptions,
  type GenerateOptions,
  type Generation,
  type ModelStats,
  type RankedDocument,
  type RerankOptions,
  type Sentence,
  type TextLike,
} from "../../index.js";
import type { ServedGeneration, ServedModel } from "../../openai/index.js";

/** A model that can be let go of. */
export type OwnedModel = ServedModel & AsyncDisposable;

/** How often loading is tried, and how long it waits before each try but the first. */
const TRIES = 5;
const FIRST_WAIT_MS = 500;

/** How often a text is begun again. A device that is lost whenever it computes is of no use. */
const MOST_BEGINNINGS = 3;

export interface RevivalOptions {
  readonly load: () => Promise<OwnedModel>;
  /** Called when the device was lost, and when the model is there again. */
  readonly onLost: (error: Error) => void;
  readonly onRevived: () => void;
  readonly wait?: (ms: number) => Promise<void>;
}

export class RevivedModel implements ServedModel {
  readonly #options: RevivalOptions;
  #model: OwnedModel;
  /** Why the model is gone, until there is another. */
  #gone: Error | undefined;
  #revival: Promise<void> | undefined;

  private constructor(model: OwnedModel, options: RevivalOptions) {
    this.#model = model;
    this.#options = options;
  }

  static async load(options: RevivalOptions): Promise<RevivedModel> {
    return new RevivedModel(await options.load(), options);
  }

  get info(): ServedModel["info"] {
    return this.#model.info;
  }

  generate(prompt: string | Sentence, options: GenerateOptions = {}): ServedGeneration {
    return this.#write(options, (model, own) => model.generate(prompt, own));
  }

  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): ServedGeneration {
    return this.#write(options, (model, own) => model.chat(messages, own));
  }

  embed(texts: readonly TextLike[], options?: EmbedOptions): Promise<Embeddings> {
    return this.#again((model) => model.embed(texts, options));
  }

  rerank(
    query: string,
    documents: readonly string[],
    options?: RerankOptions,
  ): Promise<readonly RankedDocument[]> {
    return this.#again((model) => model.rerank(query, documents, options));
  }

  encode(text: string): Promise<number[]> {
    return this.#model.encode(text);
  }

  decode(ids: Sentence): Promise<string> {
    return this.#model.decode(ids);
  }

  stats(): ModelStats | Promise<ModelStats> {
    return this.#model.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#revival?.catch(() => undefined); // who asks the model hears of it
    await this.#model[Symbol.asyncDispose]();
  }

  #write(
    options: GenerateOptions,
    begin: (model: OwnedModel, options: GenerateOptions) => ServedGeneration,
  ): ServedGeneration {
    // Without a seed of its own, a text that is begun again would be another one.
    const own = { ...options, seed: options.seed ?? Math.floor(Math.random() * 2 ** 32) };
    let current: ServedGeneration | undefined;
    let isCancelled = false;
    let passed = 0;
    const writeOnce = async (model: OwnedModel, emit: (piece: string) => void): Promise<Generation> => {
      current = begin(model, own);
      if (isCancelled) current.cancel();
      let at = 0;
      for await (const piece of current) {
        const fresh = piece.slice(Math.max(0, passed - at));
        at += piece.length;
        if (fresh === "") continue;
        passed += fresh.length;
        emit(fresh);
      }
      return await current;
    };
    return new ResultHandle<string, Generation>(
      (emit) => this.#again((model) => writeOnce(model, emit)),
      () => {
        isCancelled = true;
        current?.cancel();
      },
    );
  }

  /** Calls the model, and once more where its device is lost. */
  async #again<R>(call: (model: OwnedModel) => PromiseLike<R>): Promise<R> {
    for (let beginnings = 1; ; beginnings++) {
      // Where it could not be loaded again, every call tries anew.
      if (this.#gone && !this.#revival) this.#revive(this.#model, this.#gone);
      await this.#revival;
      const model = this.#model;
      try {
        return await call(model);
      } catch (error) {
        // A call may hear of the end of the model only from its being let go of.
        const isGone = this.#gone !== undefined || this.#model !== model;
        if (!(isLost(error) || isGone) || beginnings >= MOST_BEGINNINGS) throw error;
        if (!isGone) this.#revive(model, error as Error);
      }
    }
  }

  #revive(lost: OwnedModel, error: Error): void {
    this.#gone = error;
    this.#options.onLost(error);
    const revival = this.#load(lost).finally(() => (this.#revival = undefined));
    revival.catch(() => undefined); // those who wait for it throw it
    this.#revival = revival;
  }

  async #load(lost: OwnedModel): Promise<void> {
    await lost[Symbol.asyncDispose]();
    const wait = this.#options.wait ?? ((ms) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
    for (let tries = 1; ; tries++) {
      try {
        this.#model = await this.#options.load();
        this.#gone = undefined;
        this.#options.onRevived();
        return;
      } catch (error) {
        if (tries >= TRIES) throw error;
        await wait(FIRST_WAIT_MS * 2 ** (tries - 1));
      }
    }
  }
}

/** Whether it failed because its device was lost: itself, or what it was interrupted by. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("reason" in error && error.reason === "lost") || isLost(error.cause);
}
