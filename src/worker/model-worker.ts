// The worker's script: holds the Model and carries out the page's calls.
import {
  Model,
  type GenerateOptions,
  type LoadOptions,
  type Prompt,
  type Question,
  type RecoveryEvent,
  type TextLike,
  type TrainingRun,
} from "../index.js";
import { invariant } from "../util/invariant.js";
import { recordError } from "./error-record.js";
import { buffersOf } from "./buffers.js";
import { lendStorage } from "./lent-storage.js";
import type { EmbeddingEvent, Loaded, PageFacts, RecoveryMessage, Reply, Request } from "./messages.js";

/** The global scope of a dedicated worker. TypeScript knows that of a page only. */
const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
  postMessage(replies: readonly Reply[], transfer: readonly Transferable[]): void;
};

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

let model: Model;
let mayRecover = true;
/** Whether the model may need files that it has made of trained weights, so that they are not transferred to the page. */
let keepsFiles = false;
let tellRecovery: ((event: RecoveryEvent) => void) | undefined;
/** Add this to a time of this thread to get a time of the page. */
let clockOffsetMs = 0;
const open = new Map<number, OpenCall>();
/** Runs whose loops have not ended, by the number of the call that began them. */
const runs = new Map<number, Run>();
/** The id of the last handle. */
let lastId = 0;

const methods: Readonly<Record<string, Method>> = {
  async load({ emit }, source: string, options: LoadOptions, page: PageFacts): Promise<Loaded> {
    clockOffsetMs = performance.timeOrigin - page.timeOrigin;
    const addedTo = lendStorage(page.kept);
    await holdLock(page.lock);
    mayRecover = options.recover ?? true;
    model = await Model.load(source, {
      ...options,
      onProgress: emit,
      onRecovery: (event) => tellRecovery?.(event),
    });
    return { info: model.info, kept: addedTo() };
  },
  memory: () => model.memory(),
  stats: () => model.stats(),
  async save() {
    const files = await model.save();
    return keepsFiles ? { ...files, weights: files.weights.slice() } : files;
  },
  encode: (_, text: string) => model.encode(text),
  decode: (_, ids: number[]) => model.decode(ids),
  forward: ({ signal }, sentences: number[][], options: object) =>
    model.forward(sentences, { ...options, signal }),
  score: ({ signal }, sentences: (string | number[])[], options: object) =>
    model.score(sentences, { ...options, signal }),

  async embed({ signal, emit }, texts: TextLike[], options: object) {
    const send: (event: EmbeddingEvent) => void = emit;
    const handle = model.embed(texts, { ...options, signal, onProgress: send });
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
    model.rerank(query, documents, { ...options, signal, onProgress: emit }),
  classify: ({ signal, emit }, texts: TextLike[], options: object) =>
    model.classify(texts, { ...options, signal, onProgress: emit }),
  fillMask: ({ signal, emit }, texts: TextLike[], options: object) =>
    model.fillMask(texts, { ...options, signal, onProgress: emit }),
  decide: ({ signal, emit }, prompt: Prompt, questions: Question[], options: object) =>
    model.decide(prompt, questions, { ...options, signal, onProgress: emit }),

  async generate({ signal, emit }, id: number, prompt: Prompt, options: GenerateOptions) {
    // On the page, a call that could not be posted took an id too. Here a handle takes that id and fails at once.
    while (lastId < id - 1) lastId = model.generate("", { maxTokens: 0 }).id;
    const handle = model.generate(prompt, { ...options, signal });
    lastId = handle.id;
    invariant(lastId === id, "page and worker count handles differently");
    for await (const piece of handle) emit(piece);
    return await handle;
  },

  /** Tells of every recovery, until the model is disposed of. */
  async watchRecovery({ signal, emit }) {
    const send: (message: RecoveryMessage) => void = emit;
    tellRecovery = (event) =>
      send({
        event: "reason" in event ? { ...event, reason: recordError(event.reason) } : event,
        info: model.info,
      });
    await untilAborted(signal);
  },

  async watchSteps({ signal, emit }) {
    const stop = model.watchSteps(({ encodedMs, submittedMs, doneMs, ...step }) =>
      emit({
        ...step,
        encodedMs: encodedMs + clockOffsetMs,
        submittedMs: submittedMs + clockOffsetMs,
        doneMs: doneMs + clockOffsetMs,
      }),
    );
    await untilAborted(signal);
    stop();
  },

  train({ number }, sentences: (string | number[])[], options: { readonly steps: number }) {
    keepsFiles = mayRecover;
    const stopping = new AbortController();
    const run = model.train(sentences, { ...options, signal: stopping.signal });
    runs.set(number, { run, steps: run[Symbol.asyncIterator](), stopping });
  },
  async nextStep({ signal }, run: number) {
    const { steps, stopping } = runs.get(run)!;
    const stop = (): void => stopping.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    return (await steps.next()).value;
  },
  async checkpoint(_, run: number) {
    const checkpoint = await runs.get(run)!.run.checkpoint();
    return keepsFiles ? checkpoint.slice() : checkpoint;
  },
  async endRun(_, run: number) {
    const { steps } = runs.get(run)!;
    runs.delete(run);
    await steps.return();
  },

  async dispose() {
    model.dispose();
    // The page ends the worker when it gets the reply to this call, so the others have to reply first.
    const others = [...open.values()];
    for (const { method, stopping } of others) if (method.startsWith("watch")) stopping.abort();
    await Promise.all(others.map(({ replied }) => replied));
    return { memory: model.memory(), stats: model.stats() };
  },
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve()));

/** Holds a lock from now on, by which the page knows that this worker is there. Resolves when it is held. */
async function holdLock(name: string): Promise<void> {
  const { locks } = (globalThis.navigator ?? {}) as { locks?: LockManager };
  if (!locks) return;
  await new Promise<void>((resolve) => {
    const held = new Promise<never>(() => undefined);
    // Where a page may have no locks, it does without.
    locks.request(name, () => (resolve(), held)).catch(() => resolve());
  });
}

scope.addEventListener("message", ({ data }) => {
  if ("abort" in data) return open.get(data.abort)?.stopping.abort();
  const { call: number, method, args, isAborted } = data;
  const stopping = new AbortController();
  if (isAborted) stopping.abort();
  const call = { number, signal: stopping.signal, emit: (event: unknown) => post({ call: number, event }) };
  const replied = carryOut(method, call, args as never[]).finally(() => open.delete(number));
  open.set(number, { method, stopping, replied });
});

/** Calls the method before returning, so that calls begin in the page's order, and posts what comes of it. */
async function carryOut(method: string, call: Call, args: never[]): Promise<void> {
  try {
    post({ call: call.number, value: await methods[method]!(call, ...args) });
  } catch (error) {
    post({ call: call.number, error: recordError(error) });
  }
}

let replies: Reply[] = [];
const flush = new MessageChannel();
flush.port1.addEventListener("message", () => {
  const sent = replies;
  replies = [];
  scope.postMessage(sent, buffersOf(sent));
});
flush.port1.start();

/** Posts all replies of this turn of the event loop, such as the pieces of all texts of a step, as one message. */
function post(reply: Reply): void {
  if (replies.length === 0) flush.port2.postMessage(undefined);
  replies.push(reply);
}
