// What the routes share: the models with their names, who may compute now, what is counted, and how answers are written.
import type { AnswerEnd } from "../answer/answer.js";
import type { AnswerPart } from "../answer/answer-part.js";
import { mergeGenerators } from "./merge-generators.js";
import { ApiFailure, badField, failureOf, isModelFailure } from "./http/failure.js";
import { eventStream, eventText } from "./http/event-stream.js";
import type { Exchange } from "./http/exchange.js";
import { Gate } from "./http/gate.js";
import { textsWithin } from "./texts-within.js";
import { Metrics } from "./metrics/metrics.js";
import type { NamedModel } from "../answer/named-models.js";
import type { Settings } from "./options.js";

/** What an answer's generation is given by the service. */
export interface AnswerHooks {
  readonly signal: AbortSignal;
  readonly onPiece: () => void;
}

/** Begins one answer. */
export type AnswerJob = (hooks: AnswerHooks) => AsyncGenerator<readonly AnswerPart[], AnswerEnd, undefined>;

/** New parts of an answer, which may be none, or its end. */
export type AnswerUpdate =
  | { readonly index: number; readonly value: readonly AnswerPart[]; readonly isEnd: false }
  | { readonly index: number; readonly value: AnswerEnd; readonly isEnd: true };

export class Service {
  readonly models: readonly NamedModel[];
  readonly settings: Settings;
  readonly metrics: Metrics;
  /** When it began, in seconds: what models say of themselves. */
  readonly created: number = Math.floor(Date.now() / 1000);
  readonly #gate: Gate;
  /** The model whose last call failed, whatever was asked, and why. */
  readonly #broken = new Map<string, Error>();

  constructor(models: readonly NamedModel[], settings: Settings) {
    this.models = models;
    this.settings = settings;
    this.metrics = new Metrics(models);
    this.#gate = new Gate(settings.concurrent, settings.queue);
  }

  /** Requests that wait for others to end. */
  get waiting(): number {
    return this.#gate.waiting;
  }

  /** Models that cannot answer, with the reason. */
  get broken(): ReadonlyMap<string, Error> {
    return this.#broken;
  }

  /**
   * `prompts`: the texts of a request and its lists of token ids, wherever they stand in it. @throws ApiFailure where they have more
   * tokens than the limit, or so many signs that the model could not read any of them. `param`: the field that they came in.
   */
  async expectRoom({ model }: NamedModel, prompts: unknown, param: string): Promise<void> {
    const { promptTokens: most } = this.settings;
    const { texts, ids } = textsWithin(prompts);
    const mostSigns = SIGNS_PER_TOKEN * Math.min(most, model.info.config.contextLength);
    const signs = Math.max(0, ...texts.map(({ length }) => length));
    if (signs > mostSigns)
      throw tooLong(param, `a text of ${signs} characters has more tokens than there is room for`);
    if (most === Infinity) return;
    let tokens = ids;
    for (const text of texts) tokens += (await model.encode(text)).length;
    if (tokens > most)
      throw tooLong(param, `this server takes at most ${most} tokens in a request, received ${tokens}`);
  }

  /** Runs a call of the model that gives no text, when there is room. */
  async run<R>(exchange: Exchange, named: NamedModel, call: () => PromiseLike<R>): Promise<R> {
    exchange.setModel(named.name);
    const leave = await this.#gate.enter(1, exchange.signal);
    try {
      const result = await call();
      this.#broken.delete(named.name);
      return result;
    } catch (error) {
      this.#noteFailure(named, error);
      throw error;
    } finally {
      leave();
    }
  }

  /** Writes answers, all at once, when there is room. Ends with the failure of the exchange if that is ended early. */
  async *write(
    exchange: Exchange,
    named: NamedModel,
    jobs: readonly AnswerJob[],
  ): AsyncGenerator<AnswerUpdate, void, undefined> {
    exchange.setModel(named.name);
    const stopping = new AbortController();
    const signal = AbortSignal.any([exchange.signal, stopping.signal]);
    const leave = await this.#gate.enter(jobs.length, signal);
    let isComplete = false;
    try {
      let answers: AsyncGenerator<readonly AnswerPart[], AnswerEnd, undefined>[];
      try {
        answers = jobs.map((job) => this.#measured(exchange, named, job, signal));
      } catch (error) {
        leave();
        throw error;
      }
      for await (const update of mergeGenerators(answers, leave)) {
        if (update.isEnd && update.value.reason === "abort") throw exchange.failure ?? interrupted();
        if (update.isEnd) this.#broken.delete(named.name);
        yield update;
      }
      isComplete = true;
    } catch (error) {
      this.#noteFailure(named, error);
      throw exchange.failure ?? error;
    } finally {
      // One answer that fails ends the others.
      if (!isComplete) stopping.abort();
    }
  }

  /**
   * A response of events. They begin when the first of `updates` is there: what fails before has a status of its own, and what fails
   * later is an event. `prompt`: the field that failures of the prompt name.
   */
  async stream(
    exchange: Exchange,
    updates: AsyncGenerator<AnswerUpdate, void, undefined>,
    prompt: string,
    write: (updates: AsyncIterable<AnswerUpdate>) => AsyncGenerator<string, void, undefined>,
    writeFailure: (failure: ApiFailure) => string = (failure) => eventText(failure.body),
  ): Promise<Response> {
    const first = await updates.next();
    async function* all(): AsyncGenerator<AnswerUpdate, void, undefined> {
      if (first.done) return;
      yield first.value;
      yield* updates;
    }
    async function* events(): AsyncGenerator<string, void, undefined> {
      try {
        yield* write(all());
        exchange.end();
      } catch (error) {
        const failure = exchange.failure ?? failureOf(error, prompt);
        exchange.end(failure);
        // Nobody reads on, or the reader is to see that this is not the whole.
        if (exchange.request.signal.aborted) throw exchange.request.signal.reason;
        yield writeFailure(failure);
      } finally {
        await updates.return();
        exchange.end(exchange.failure);
      }
    }
    exchange.isStream = true;
    return eventStream(events(), (reason) => exchange.leave(reason));
  }

  /** The answer of a job, counted and timed. Begins it at once. */
  #measured(
    exchange: Exchange,
    { name }: NamedModel,
    job: AnswerJob,
    signal: AbortSignal,
  ): AsyncGenerator<readonly AnswerPart[], AnswerEnd, undefined> {
    const metrics = this.metrics.of(name);
    let lastMs: number | undefined;
    const onPiece = (): void => {
      const now = performance.now();
      exchange.noteText();
      if (lastMs === undefined) metrics.firstToken.observe((now - exchange.startMs) / 1000);
      else metrics.interval.observe((now - lastMs) / 1000);
      lastMs = now;
    };
    const answer = job({ signal, onPiece });
    return (async function* measured() {
      const end = yield* answer;
      metrics.addEnd(end.generation, end.reason, (performance.now() - exchange.startMs) / 1000);
      exchange.addUsage(end.generation.usage);
      return end;
    })();
  }

  #noteFailure({ name }: NamedModel, error: unknown): void {
    if (isModelFailure(error)) this.#broken.set(name, error as Error);
  }
}

/** No vocabulary has a longer token, by far. It keeps texts of megabytes from being cut into tokens only to be refused. */
const SIGNS_PER_TOKEN = 256;

function tooLong(param: string, problem: string): ApiFailure {
  return badField(param, `${param}: ${problem}.`, "context_length_exceeded");
}

function interrupted(): ApiFailure {
  return new ApiFailure({
    status: 503,
    message: "The answer was ended before it was complete.",
    code: "model_unavailable",
  });
}
