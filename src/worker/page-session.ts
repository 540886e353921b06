// What one page asks of a worker's model: its calls in its order, their events and results.
import { invariant } from "../util/invariant.js";
import type {
  GenerateOptions,
  LoadOptions,
  Model,
  ModelSource,
  Prompt,
  Question,
  RecoveryEvent,
  TextLike,
  TrainingRun,
} from "../index.js";
import { buffersOf } from "./buffers.js";
import { recordError, type ErrorRecord } from "./error-record.js";
import { holdLock } from "./held-lock.js";
import type {
  EmbeddingEvent,
  LastFigures,
  Loaded,
  PageFacts,
  RecoveryMessage,
  Reply,
  Request,
} from "./messages.js";
import type { Guest, ModelHost } from "./model-host.js";

/** The way to the page. */
export interface PagePort {
  postMessage(replies: readonly Reply[], transfer: Transferable[]): void;
}

interface Call {
  readonly number: number;
  readonly signal: AbortSignal;
  readonly emit: (event: unknown) => void;
}

interface OpenCall {
  readonly method: string;
  readonly stopping: AbortController;
  readonly replied: Promise<void>;
}

interface Run {
  readonly run: TrainingRun;
  readonly steps: AsyncGenerator<unknown, void, undefined>;
  readonly stopping: AbortController;
}

type Method = (call: Call, ...args: never[]) => unknown;

/** Steps that are under way may still name a request that has ended. So many later ones do not. */
const MOST_IDS = 10_000;

export class PageSession {
  readonly #host: ModelHost;
  readonly #port: PagePort;
  readonly #open = new Map<number, OpenCall>();
  /** Runs whose loops have not ended, by the number of the call that began them. */
  readonly #runs = new Map<number, Run>();
  /** The page's ids of handles, by the model's: it has handles of other pages too. */
  readonly #ids = new Map<number, number>();
  readonly #flush = new MessageChannel();
  readonly #guest: Guest;
  #replies: Reply[] = [];
  #loaded: Model | undefined;
  #reportProgress: ((event: unknown) => void) | undefined;
  #tellRecovery: ((event: RecoveryEvent) => void) | undefined;
  /** Add this to a time of this thread to get a time of the page. */
  #clockOffsetMs = 0;
  /** Whether the page waits for nothing any more but the answer to `dispose`. */
  #isLeaving = false;

  constructor(host: ModelHost, port: PagePort) {
    this.#host = host;
    this.#port = port;
    this.#guest = {
      onProgress: (progress) => this.#reportProgress?.(progress),
      onRecovery: (event) => this.#tellRecovery?.(event),
    };
    this.#flush.port1.addEventListener("message", () => {
      const sent = this.#replies;
      this.#replies = [];
      this.#port.postMessage(sent, buffersOf(sent));
    });
    this.#flush.port1.start();
  }

  /** Takes a message of the page. */
  take(request: Request): void {
    if ("leave" in request) return this.#leave();
    if ("abort" in request) return this.#open.get(request.abort)?.stopping.abort();
    const { call: number, method, args, isAborted } = request;
    const stopping = new AbortController();
    if (isAborted) stopping.abort();
    const call = {
      number,
      signal: stopping.signal,
      emit: (event: unknown) => this.#isLeaving || this.#post({ call: number, event }),
    };
    const replied = this.#carryOut(method, call, args as never[]).finally(() => this.#open.delete(number));
    this.#open.set(number, { method, stopping, replied });
  }

  get #model(): Model {
    invariant(this.#loaded, "a page asks before its model is loaded");
    return this.#loaded;
  }

  readonly #methods: Readonly<Record<string, Method>> = {
    load: ({ emit }, source: ModelSource, options: LoadOptions, page: PageFacts) =>
      this.#load(emit, source, options, page),
    memory: () => this.#model.memory(),
    stats: () => this.#model.stats(),
    save: async () => {
      const files = await this.#model.save();
      return this.#host.keepsFiles ? { ...files, weights: files.weights.slice() } : files;
    },
    encode: (_, text: string) => this.#model.encode(text),
    decode: (_, ids: number[]) => this.#model.decode(ids),
    forward: ({ signal }, sentences: number[][], options: object) =>
      this.#model.forward(sentences, { ...options, signal }),
    score: ({ signal }, sentences: (string | number[])[], options: object) =>
      this.#model.score(sentences, { ...options, signal }),

    embed: async ({ signal, emit }, texts: TextLike[], options: object) => {
      const send: (event: EmbeddingEvent) => void = emit;
      const handle = this.#model.embed(texts, { ...options, signal, onProgress: send });
      // A vector that is transferred is no longer here, so it is known by the first text that has it.
      const first = new Map<Float32Array, number>();
      for await (const { index, vector } of handle) {
        const sameAs = first.get(vector);
        if (sameAs === undefined) {
          first.set(vector, index);
          send({ index, vector });
        } else send({ index, sameAs });
      }
      const { dimensions, tokens, truncated } = await handle;
      return { dimensions, tokens, truncated };
    },
    rerank: ({ signal, emit }, query: string, documents: string[], options: object) =>
      this.#model.rerank(query, documents, { ...options, signal, onProgress: emit }),
    classify: ({ signal, emit }, texts: TextLike[], options: object) =>
      this.#model.classify(texts, { ...options, signal, onProgress: emit }),
    fillMask: ({ signal, emit }, texts: TextLike[], options: object) =>
      this.#model.fillMask(texts, { ...options, signal, onProgress: emit }),
    decide: ({ signal, emit }, prompt: Prompt, questions: Question[], options: object) =>
      this.#model.decide(prompt, questions, { ...options, signal, onProgress: emit }),

    generate: async ({ signal, emit }, id: number, prompt: Prompt, options: GenerateOptions) => {
      const handle = this.#model.generate(prompt, { ...options, signal });
      this.#ids.set(handle.id, id);
      if (this.#ids.size > MOST_IDS) this.#ids.delete(this.#ids.keys().next().value!);
      for await (const piece of handle) emit(piece);
      return await handle;
    },

    /** Tells of every recovery, until the model is disposed of. */
    watchRecovery: async ({ signal, emit }) => {
      const send: (message: RecoveryMessage) => void = emit;
      this.#tellRecovery = (event) =>
        send({
          event: "reason" in event ? { ...event, reason: recordError(event.reason) } : event,
          info: this.#model.info,
        });
      await untilAborted(signal);
    },

    watchSteps: async ({ signal, emit }) => {
      const offsetMs = this.#clockOffsetMs;
      const stop = this.#model.watchSteps(({ encodedMs, submittedMs, doneMs, parts, ...step }) =>
        emit({
          ...step,
          parts: parts.map((part) => ({ ...part, request: this.#ids.get(part.request) ?? 0 })),
          encodedMs: encodedMs + offsetMs,
          submittedMs: submittedMs + offsetMs,
          doneMs: doneMs + offsetMs,
        }),
      );
      await untilAborted(signal);
      stop();
    },

    train: ({ number }, sentences: (string | number[])[], options: { readonly steps: number }) => {
      const stopping = new AbortController();
      const run = this.#model.train(sentences, { ...options, signal: stopping.signal });
      this.#host.willTrain();
      this.#runs.set(number, { run, steps: run[Symbol.asyncIterator](), stopping });
    },
    nextStep: async ({ signal }, run: number) => {
      const { steps, stopping } = this.#runs.get(run)!;
      const stop = (): void => stopping.abort();
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop);
      return (await steps.next()).value;
    },
    checkpoint: async (_, run: number) => {
      const checkpoint = await this.#runs.get(run)!.run.checkpoint();
      return this.#host.keepsFiles ? checkpoint.slice() : checkpoint;
    },
    endRun: async (_, run: number) => {
      const { steps } = this.#runs.get(run)!;
      this.#runs.delete(run);
      await steps.return();
    },
    dispose: () => this.#dispose(),
  };

  async #load(
    emit: (event: unknown) => void,
    source: ModelSource,
    options: LoadOptions,
    page: PageFacts,
  ): Promise<Loaded> {
    this.#clockOffsetMs = performance.timeOrigin - page.timeOrigin;
    await holdLock(page.lock);
    if (page.ownLock !== undefined) this.#watchPage(page.ownLock);
    this.#reportProgress = emit;
    const { model, kept } = await this.#host.load(this.#guest, source, options, page.kept);
    this.#loaded = model;
    return { info: model.info, kept };
  }

  /** Has a page leave that is gone: as long as it is there, it holds a lock of this name. */
  #watchPage(lock: string): void {
    void navigator.locks.request(lock, () => this.#leave());
  }

  /** Ends everything of a page that waits for nothing any more. */
  #leave(): void {
    this.#isLeaving = true;
    for (const { stopping } of this.#runs.values()) stopping.abort();
    for (const { stopping } of this.#open.values()) stopping.abort();
    this.#host.leave(this.#guest);
  }

  async #dispose(): Promise<LastFigures> {
    const model = this.#model;
    // The page leaves when it gets the reply to this call, so the others have to reply first.
    const others = [...this.#open.values()];
    if (this.#host.leave(this.#guest)) {
      for (const { method, stopping } of others) if (method.startsWith("watch")) stopping.abort();
    } else this.#leave();
    await Promise.all(others.map(({ replied }) => replied));
    return { memory: model.memory(), stats: model.stats() };
  }

  /** Calls the method before returning, so that calls begin in the page's order, and posts what comes of it. */
  async #carryOut(method: string, call: Call, args: never[]): Promise<void> {
    const reply = (result: { readonly value: unknown } | { readonly error: ErrorRecord }): void => {
      if (!this.#isLeaving || method === "dispose") this.#post({ call: call.number, ...result });
    };
    try {
      reply({ value: await this.#methods[method]!(call, ...args) });
    } catch (error) {
      reply({ error: recordError(error) });
    }
  }

  /** Posts all replies of this turn of the event loop, such as the pieces of all texts of a step, as one message. */
  #post(reply: Reply): void {
    if (this.#replies.length === 0) this.#flush.port2.postMessage(undefined);
    this.#replies.push(reply);
  }
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
