// Answers the requests of a queue: many at once, beside workers on other machines. A request that this one takes is another's when this
// one has been silent for the time of a lease; only who holds the lease can end a request, so each gets one result.
import type { Job, Worker } from "bullmq";
import type { Handler } from "../../../openai/index.js";
import { answerRequest, problemOf, type Answer } from "../answer-request.js";
import { BatchRequestError, readRequest, type BatchRequest } from "../batch-request.js";
import { answered, type BatchResult } from "../batch-result.js";
import type { QueuePlace } from "../options.js";
import { connectionTo, loadBullMq, type BullMq } from "./bullmq.js";

export interface QueueWorkerOptions {
  readonly handler: Handler;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly onEvent: (event: QueueEvent) => void;
}

export type QueueEvent =
  | { readonly kind: "ended"; readonly id: string; readonly status: number }
  /** It is tried again, or is a dead letter. */
  | { readonly kind: "failed"; readonly id: string; readonly isLast: boolean; readonly problem: string }
  /** Taken from a worker that fell silent. */
  | { readonly kind: "stalled"; readonly id: string }
  /** Of the connection, or of BullMQ. */
  | { readonly kind: "problem"; readonly error: Error };

/** How often a request may be taken from silent workers: more often, and it is what silences them. */
const MOST_STALLS = 2;

export class QueueWorker {
  readonly #bullmq: BullMq;
  readonly #worker: Worker<unknown, BatchResult>;
  readonly #handler: Handler;
  readonly #returning = new AbortController();
  readonly #broken = new AbortController();
  #successes = 0;

  private constructor(
    bullmq: BullMq,
    place: QueuePlace,
    { handler, concurrency, leaseMs, onEvent }: QueueWorkerOptions,
  ) {
    this.#bullmq = bullmq;
    this.#handler = handler;
    this.#worker = new bullmq.Worker<unknown, BatchResult>(
      place.name,
      (job, token) => this.#answer(job, token!),
      {
        connection: connectionTo(place),
        concurrency,
        lockDuration: leaseMs,
        stalledInterval: leaseMs / 2,
        maxStalledCount: MOST_STALLS,
      },
    );
    this.#worker.on("completed", ({ id }, { response }) =>
      onEvent({ kind: "ended", id: id!, status: response!.status_code }),
    );
    this.#worker.on("failed", (job, { message }) => {
      const isLast = job?.finishedOn !== undefined;
      onEvent({ kind: "failed", id: job?.id ?? "", isLast, problem: message });
    });
    this.#worker.on("stalled", (id) => onEvent({ kind: "stalled", id }));
    this.#worker.on("error", (error) => onEvent({ kind: "problem", error }));
  }

  static async start(place: QueuePlace, options: QueueWorkerOptions): Promise<QueueWorker> {
    const worker = new QueueWorker(await loadBullMq(), place, options);
    await worker.#worker.waitUntilReady();
    return worker;
  }

  /** Aborted with what the model says, when it can answer nothing any more: another process may. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Takes no more requests, and ends when those that were taken are answered. After `mostMs`, or `signal`, they go back to the queue. */
  async end(mostMs: number, signal: AbortSignal): Promise<void> {
    const giveBack = (): void => this.#returning.abort();
    const timer = setTimeout(giveBack, mostMs);
    signal.addEventListener("abort", giveBack, { once: true });
    if (signal.aborted) giveBack();
    await this.#worker.close();
    clearTimeout(timer);
    signal.removeEventListener("abort", giveBack);
  }

  async #answer(job: Job<unknown, BatchResult>, token: string): Promise<BatchResult> {
    const request = this.#read(job.data);
    const before = this.#successes;
    let answer: Answer;
    try {
      answer = await answerRequest(this.#handler, request, this.#returning.signal);
    } catch (error) {
      if (!this.#returning.signal.aborted) throw error;
      await job.moveToWait(token);
      throw new this.#bullmq.WaitingError();
    }
    if (answer.mayRetry) {
      const problem = problemOf(answer);
      // It would fail all that is on the queue.
      if (answer.isModelGone && this.#successes === before) this.#broken.abort(problem);
      throw new Error(problem);
    }
    this.#successes++;
    return answered(request, answer.status, answer.body);
  }

  #read(data: unknown): BatchRequest {
    try {
      return readRequest(data);
    } catch (error) {
      if (!(error instanceof BatchRequestError)) throw error;
      // It is no better another time.
      throw new this.#bullmq.UnrecoverableError(error.message);
    }
  }
}
