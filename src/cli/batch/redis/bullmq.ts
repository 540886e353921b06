// BullMQ, queues on Redis: optional packages of the user's, which are loaded where a queue is asked for and nowhere else.
import type { ConnectionOptions, Queue } from "bullmq";
import type { BatchResult } from "../batch-result.js";
import type { QueuePlace } from "../options.js";

export type BullMq = typeof import("bullmq");

/** What a job is given is another program's word. */
export type BatchQueue = Queue<unknown, BatchResult>;

/** @throws Error that names the packages if they are not installed. */
export async function loadBullMq(): Promise<BullMq> {
  try {
    await import("ioredis");
    return await import("bullmq");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Error(
      "The packages for queues on Redis are not installed: npm install bullmq ioredis, or leave --redis out.",
      { cause },
    );
  }
}

/** How long Redis may take to answer at first. */
const CONNECT_MS = 5000;

/** Asks Redis once, as BullMQ asks forever. @throws Error if it does not answer. */
export async function expectRedis({ url }: QueuePlace): Promise<void> {
  const { Redis } = await import("ioredis");
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let problem: Error | undefined;
  client.on("error", (error: Error) => (problem = error));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    const { message } = problem ?? (error as Error);
    // Without the user and the password that the URL may have.
    throw new Error(`--redis: expected a Redis that answers at ${new URL(url).host}, received: ${message}`, {
      cause: error,
    });
  } finally {
    client.disconnect();
  }
}

/** Commands wait while Redis is away, and are sent when it is back. */
export function connectionTo({ url }: QueuePlace): ConnectionOptions {
  return { url, maxRetriesPerRequest: null };
}

/** A queue to put requests on. `onProblem` hears of a Redis that went away. */
export async function openQueue(place: QueuePlace, onProblem: (error: Error) => void): Promise<BatchQueue> {
  const { Queue } = await loadBullMq();
  await expectRedis(place);
  const queue: BatchQueue = new Queue(place.name, { connection: connectionTo(place) });
  queue.on("error", onProblem);
  await queue.waitUntilReady();
  return queue;
}
