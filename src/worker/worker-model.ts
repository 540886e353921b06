// The Model behind a worker, as a page sees it: the same API, and no work of weft's on the page's thread.
import { ArgumentError, CancelledError, DisposedError, WeftError } from "../errors.js";
import {
  GenerationBatch,
  GenerationHandle,
  type ChatMessage,
  type Classification,
  type ClassifyOptions,
  type DecideOptions,
  type Decision,
  type EmbeddingHandle,
  type EmbedOptions,
  type FilledMask,
  type FillMaskOptions,
  type ForwardOptions,
  type GenerateOptions,
  type Generation,
  type GenerationStep,
  type HiddenResult,
  type LoadOptions,
  type LogitsResult,
  type Model,
  type ModelInfo,
  type ModelSource,
  type ModelStats,
  type Prompt,
  type Question,
  type QueueMemory,
  type RankedDocument,
  type RecoveryEvent,
  type RerankOptions,
  type RunOptions,
  type SavedModel,
  type Scores,
  type Sentence,
  type TextLike,
  type TextOptions,
  type TokenClassification,
  type TrainOptions,
} from "../index.js";
import { isHubId } from "../util/hub-id.js";
import { checkedCallbacks } from "../util/option-names.js";
import { isPromptList } from "../util/prompt-list.js";
import { throwIfAborted } from "../util/signal.js";
import { openChannel } from "./channel.js";
import { Connection } from "./connection.js";
import { errorOf } from "./error-record.js";
import { embedInWorker } from "./worker-embedding.js";
import { readKept, writeKept } from "./lent-storage.js";
import type { LastFigures, Loaded, PageFacts, RecoveryMessage } from "./messages.js";
import type { Promisified } from "./promisified.js";
import { WorkerTrainingRun } from "./worker-training-run.js";

/** How long a worker may take to answer that it has freed everything. */
const DISPOSE_MS = 1500;

const noMemory: QueueMemory = { buffers: 0, bytes: 0, peakBytes: 0 };
const noStats: ModelStats = {
  running: 0,
  waiting: 0,
  steps: 0,
  generatedTokens: 0,
  computedRows: 0,
  sharedRows: 0,
  preemptions: 0,
  dispatches: 0,
  cachePages: 0,
  freePages: 0,
  windowPages: 0,
  freeWindowPages: 0,
};

/** What is known of a model in a worker: ModelInfo, and how pages share it. */
export interface WorkerModelInfo extends ModelInfo {
  /** Of a shared model: by a SharedWorker, or by the worker of one of the tabs. */
  readonly sharedBy?: "worker" | "tab";
}

/** LoadOptions without `gpu`: the worker uses its own. */
export interface WorkerLoadOptions extends Omit<LoadOptions, "gpu"> {
  /**
   * A name. All tabs and pages of this origin that load with it have one model together: one copy of the weights, and one queue of
   * requests that takes turns fairly. They pass the same source and options. The model lives as long as a page has it; `dispose`, or
   * closing the page, ends what that page has asked for. Training changes the weights for all. Default: a worker and a model of
   * the page's own.
   *
   * `info.sharedBy` says how. "worker": in a SharedWorker. "tab": where there is none, as in some browsers of phones, one of the tabs has
   * the model in a worker of its own, and the others talk to it by BroadcastChannel, which copies the arrays of results. If that tab is
   * closed, the next one loads the model: calls that were running reject with WorkerError ("moved") and can be made again, later ones
   * wait until it is loaded, and watches go on. Weights that were trained are gone with their tab: then all calls reject
   * ("failed"), as they do if the model can't be loaded again.
   */
  readonly shared?: string;
}

/**
 * A language model in a worker of its own: the same calls as Model, with the same results and errors, while the page's thread
 * stays free. `memory` and `stats` return promises. Failures that Model throws at once, such as a lost device or weights that
 * cannot be trained, come from the handle or the run. If the worker ends by itself, every call rejects with WorkerError.
 *
 * @example
 * ```ts
 * import { WorkerModel } from "weft-webgpu/worker";
 *
 * await using model = await WorkerModel.load("./tinystories-gpt2/");
 * const story = model.generate("Once upon a time", { temperature: 0, maxTokens: 40 });
 * for await (const piece of story) console.log(piece);
 * ```
 */
export class WorkerModel implements Promisified<Model> {
  readonly #connection: Connection;
  #info: WorkerModelInfo;
  #lastId = 0;
  #ending: Promise<LastFigures> | undefined;

  private constructor(connection: Connection, info: ModelInfo, onRecovery: LoadOptions["onRecovery"]) {
    this.#connection = connection;
    const { sharedBy } = connection;
    const withWay = (own: ModelInfo): WorkerModelInfo => ({ ...own, ...(sharedBy && { sharedBy }) });
    this.#info = withWay(info);
    const watch = connection.open<void>("watchRecovery", [], {
      onEvent: ({ event, info: current }: RecoveryMessage) => {
        this.#info = withWay(current);
        // It must not end the watch.
        if (event && onRecovery) queueMicrotask(() => onRecovery(eventOf(event)));
      },
    });
    watch.result.catch(() => undefined); // the worker has ended
  }

  get info(): WorkerModelInfo {
    return this.#info;
  }

  /**
   * Starts a worker and loads the model in it, as `Model.load` does. URLs are resolved against the page. If files are passed
   * as values, weights in a Blob are not copied.
   *
   * Throws what `Model.load` throws, and WorkerError if no worker can be started, or none that can be shared ("unsupported"). Nothing is
   * left running then.
   */
  static async load(source: ModelSource, options: WorkerLoadOptions = {}): Promise<WorkerModel> {
    const { onRecovery, signal, onProgress, shared, ...others } = checkedCallbacks(options);
    checkShared(shared);
    if ((others as LoadOptions).gpu) {
      throw new ArgumentError({
        argument: "gpu",
        expected: "nothing, as a GPU object cannot leave its thread",
        received: (others as LoadOptions).gpu,
        remedy: 'Leave it out: the worker has its own. Model of "weft-webgpu" takes one.',
      });
    }
    throwIfAborted(signal, "Loading the model");
    const connection = new Connection(openChannel(shared));
    // Ends the worker at once: its script may not even have arrived, and nothing it has done is of further use.
    const cancel = (): void => connection.end(new CancelledError("Loading the model", signal?.reason));
    signal?.addEventListener("abort", cancel);
    try {
      const lock = `weft worker ${crypto.randomUUID()}`;
      const ownLock = shared === undefined ? {} : { ownLock: await connection.holdLock() };
      const page: PageFacts = { timeOrigin: performance.timeOrigin, kept: readKept(), lock, ...ownLock };
      const args = [addressOf(source), others, page];
      const { info, kept } = await connection.call<Loaded>("load", args, { onEvent: onProgress });
      throwIfAborted(signal, "Loading the model");
      connection.watch(lock);
      writeKept(kept);
      return new WorkerModel(connection, info, onRecovery);
    } catch (error) {
      connection.end(error as Error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Live GPU buffers of each queue. All counts are 0 after `dispose`. */
  async memory(): Promise<QueueMemory[]> {
    return this.#ending ? (await this.#ending).memory : this.#connection.call("memory", []);
  }

  /** As `Model.forward`. Results are transferred, not copied. */
  forward(
    sentences: readonly Sentence[],
    options: ForwardOptions & { readonly output: "hidden" },
  ): Promise<HiddenResult>;
  forward(
    sentences: readonly Sentence[],
    options?: ForwardOptions & { readonly output?: "last" | "all" },
  ): Promise<LogitsResult>;
  async forward(
    sentences: readonly Sentence[],
    { signal, ...options }: ForwardOptions = {},
  ): Promise<LogitsResult | HiddenResult> {
    this.#expectUsable("forward");
    return this.#connection.call("forward", [sentences, options], { signal });
  }

  /** As `Model.score`. */
  async score(
    sentences: readonly (string | Sentence)[],
    { signal, ...options }: RunOptions = {},
  ): Promise<Scores> {
    this.#expectUsable("score");
    return this.#connection.call("score", [sentences, options], { signal });
  }

  /** As `Model.embed`. Vectors are transferred as they come. */
  embed(texts: readonly TextLike[], options: EmbedOptions = {}): EmbeddingHandle {
    const connect = (): Connection => {
      this.#expectUsable("embed");
      return this.#connection;
    };
    return embedInWorker(connect, texts, options);
  }

  /** As `Model.rerank`. */
  async rerank(
    query: string | Sentence,
    documents: readonly (string | Sentence)[],
    options: RerankOptions = {},
  ): Promise<RankedDocument[]> {
    return this.#withProgress("rerank", [query, documents], options);
  }

  /** As `Model.classify`. */
  classify(
    texts: readonly TextLike[],
    options: ClassifyOptions & { readonly tokens: true },
  ): Promise<TokenClassification[][]>;
  classify(
    texts: readonly TextLike[],
    options?: ClassifyOptions & { readonly tokens?: false },
  ): Promise<Classification[]>;
  async classify(
    texts: readonly TextLike[],
    options: ClassifyOptions = {},
  ): Promise<Classification[] | TokenClassification[][]> {
    return this.#withProgress("classify", [texts], options);
  }

  /** As `Model.fillMask`. */
  async fillMask(texts: readonly TextLike[], options: FillMaskOptions = {}): Promise<FilledMask[][]> {
    return this.#withProgress("fillMask", [texts], options);
  }

  /** As `Model.decide`. */
  async decide(
    prompt: Prompt,
    questions: readonly Question[],
    options: DecideOptions = {},
  ): Promise<Decision[]> {
    return this.#withProgress("decide", [prompt, questions], options);
  }

  /** As `Model.generate`. All pieces of text of a step come in one message. */
  generate(
    prompts: readonly (string | readonly ChatMessage[] | Sentence)[],
    options?: GenerateOptions,
  ): GenerationBatch;
  generate(prompt: Prompt, options?: GenerateOptions): GenerationHandle;
  generate(
    prompt: Prompt | readonly Prompt[],
    options: GenerateOptions = {},
  ): GenerationHandle | GenerationBatch {
    this.#expectUsable("generate");
    return isPromptList<Prompt>(prompt)
      ? new GenerationBatch(prompt.map((own) => this.#generate(own, options)))
      : this.#generate(prompt, options);
  }

  /** As `Model.chat`. */
  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): GenerationHandle {
    this.#expectUsable("chat");
    return this.#generate(messages, options);
  }

  /** As `Model.train`. */
  train(sentences: readonly (string | Sentence)[], options: TrainOptions): WorkerTrainingRun {
    this.#expectUsable("train");
    return new WorkerTrainingRun(this.#connection, sentences, options);
  }

  /** As `Model.save`. */
  async save(): Promise<SavedModel> {
    this.#expectUsable("save");
    return this.#connection.call("save", []);
  }

  /** Counters of what is and was generated. */
  async stats(): Promise<ModelStats> {
    return this.#ending ? (await this.#ending).stats : this.#connection.call("stats", []);
  }

  /** As `Model.watchSteps`; times are on the page's performance.now(). Of a shared model, requests of other pages have the id 0. */
  watchSteps(watcher: (step: GenerationStep) => void): () => void {
    this.#expectUsable("watchSteps");
    let isWatching = true;
    const onEvent = (step: GenerationStep): void => {
      if (isWatching) watcher(step); // the worker may have sent more before it knew of the end
    };
    const watch = this.#connection.open<void>("watchSteps", [], { onEvent });
    // Failures of the model reach the calls that wait for it. What the watcher throws is reported as an uncaught error.
    watch.result.catch((error: unknown) => {
      if (!(error instanceof WeftError)) reportError(error);
    });
    return () => {
      isWatching = false;
      watch.abort();
    };
  }

  /** As `Model.encode`. */
  async encode(text: string): Promise<number[]> {
    this.#expectUsable("encode");
    return this.#connection.call("encode", [text]);
  }

  /** As `Model.decode`. */
  async decode(ids: Sentence): Promise<string> {
    this.#expectUsable("decode");
    return this.#connection.call("decode", [ids]);
  }

  /**
   * Frees everything on the GPU and ends the worker, after a second and a half at most, whatever it does; of a shared model, what
   * this page has asked for, until the last page has left. Calls that are running reject with DisposedError. Disposing twice is
   * allowed.
   */
  dispose(): void {
    this.#ending ??= this.#end();
    this.#ending.catch(() => undefined); // the worker had failed before
  }

  /** As `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As `dispose`, for `await using`. Also waits until running calls and the worker have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    await this.#ending?.catch(() => undefined);
  }

  async #end(): Promise<LastFigures> {
    try {
      return await Promise.race([this.#connection.call<LastFigures>("dispose", []), this.#giveUp()]);
    } finally {
      this.#connection.end(new DisposedError("The model", "the call"));
    }
  }

  /** A call whose events are its progress. */
  async #withProgress<Result>(method: string, args: readonly unknown[], given: TextOptions): Promise<Result> {
    this.#expectUsable(method);
    const { signal, onProgress, ...options } = checkedCallbacks(given);
    return this.#connection.call(method, [...args, options], { signal, onEvent: onProgress });
  }

  /** The worker knows the page's number for its handle, so that steps name it. */
  #generate(prompt: Prompt, { signal, ...options }: GenerateOptions): GenerationHandle {
    const id = ++this.#lastId;
    let abort: (() => void) | undefined;
    return new GenerationHandle(
      id,
      (emit) => {
        const call = this.#connection.open<Generation>("generate", [id, prompt, options], {
          signal,
          onEvent: emit,
        });
        abort = call.abort;
        return call.result;
      },
      () => abort?.(),
    );
  }

  /** What is left of a worker that does not answer: nothing. */
  async #giveUp(): Promise<LastFigures> {
    await new Promise((resolve) => setTimeout(resolve, DISPOSE_MS));
    return { memory: Array.from({ length: this.info.queues }, () => noMemory), stats: noStats };
  }

  #expectUsable(operation: string): void {
    if (this.#ending) throw new DisposedError("The model", operation);
    if (this.#connection.failure) throw this.#connection.failure;
  }
}

function checkShared(shared: unknown): void {
  if (shared === undefined || (typeof shared === "string" && shared !== "")) return;
  throw new ArgumentError({ argument: "shared", expected: "a name that is not empty", received: shared });
}

/** Errors come as records. */
function eventOf(event: NonNullable<RecoveryMessage["event"]>): RecoveryEvent {
  return "reason" in event ? ({ ...event, reason: errorOf(event.reason) } as RecoveryEvent) : event;
}

/** The source as the worker needs it: its own address is not the page's, so URLs become absolute. */
function addressOf(source: ModelSource): ModelSource {
  if (source instanceof URL) return source.href;
  // The name of a model on a hub is no address.
  if (typeof source === "string" && isHubId(source)) return source;
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return typeof source === "string" && URL.canParse(source, base) ? new URL(source, base).href : source;
}
