// Puts requests on a queue. A request is on it once, however often it is put there.
import { requestJson, type BatchRequest } from "../batch-request.js";
import { resultId } from "../batch-result.js";
import type { BatchQueue } from "./bullmq.js";

export interface SendOptions {
  /** How often workers try a request that fails by no fault of its own. */
  readonly attempts: number;
  readonly signal: AbortSignal;
  /** Called with the requests that are on the queue now. */
  readonly onSent: (requests: readonly BatchRequest[]) => void;
}

/** Requests that are sent together. */
const TOGETHER = 200;

/** Milliseconds before the second attempt; twice as many before each that follows. */
const RETRY_MS = 1000;

/** What BullMQ calls such jobs. */
const JOB_NAME = "request";

export async function sendRequests(
  queue: BatchQueue,
  requests: AsyncIterable<BatchRequest>,
  { attempts, signal, onSent }: SendOptions,
): Promise<void> {
  let some: BatchRequest[] = [];
  const flush = async (): Promise<void> => {
    await sendSome(queue, some, attempts);
    onSent(some);
    some = [];
  };
  for await (const request of requests) {
    if (signal.aborted) return;
    some.push(request);
    if (some.length === TOGETHER) await flush();
  }
  if (some.length > 0) await flush();
}

async function sendSome(
  queue: BatchQueue,
  requests: readonly BatchRequest[],
  attempts: number,
): Promise<void> {
  const states = await Promise.all(requests.map((request) => queue.getJobState(resultId(request))));
  const isNew = requests.filter((_, index) => states[index] === "unknown");
  await queue.addBulk(
    isNew.map((request) => ({
      name: JOB_NAME,
      data: requestJson(request),
      opts: {
        jobId: resultId(request),
        attempts,
        backoff: { type: "exponential", delay: RETRY_MS, jitter: 0.5 },
      },
    })),
  );
  // Whoever sends a dead letter once more wants it tried once more.
  for (const [index, request] of requests.entries())
    if (states[index] === "failed") await retry(queue, resultId(request));
}

async function retry(queue: BatchQueue, id: string): Promise<void> {
  const job = await queue.getJob(id);
  await job?.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true });
}
