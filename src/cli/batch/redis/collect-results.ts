// Takes results from a queue as they come. It looks, and is not told: what happens while it does not run is not missed.
import { setTimeout as wait } from "node:timers/promises";
import type { BatchResult } from "../batch-result.js";
import type { BatchQueue } from "./bullmq.js";

export interface CollectOptions {
  readonly signal: AbortSignal;
  /** Awaited before the result leaves the queue. */
  readonly onResult: (result: BatchResult) => Promise<void>;
}

/** Jobs that are looked at together: those that have waited longest, which workers take first. */
const TOGETHER = 256;
const LOOK_MS = 250;

/**
 * `pending`: custom_ids by the ids of jobs; those leave it whose results have come. Dead letters stay on the queue, as what failed in
 * BullMQ's sense. Returns how many of the jobs are no longer there.
 */
export async function collectResults(
  queue: BatchQueue,
  pending: Map<string, string>,
  { signal, onResult }: CollectOptions,
): Promise<number> {
  let missing = 0;
  while (pending.size > 0 && !signal.aborted) {
    const some = [...take(pending, TOGETHER)];
    const states = await Promise.all(some.map(([id]) => queue.getJobState(id)));
    let ended = 0;
    for (const [index, [id, customId]] of some.entries()) {
      const state = states[index];
      if (state !== "completed" && state !== "failed" && state !== "unknown") continue;
      ended++;
      const job = state === "unknown" ? undefined : await queue.getJob(id);
      if (!job) missing++;
      else if (state === "failed") await onResult(deadLetter(id, customId, job.failedReason));
      else {
        await onResult(job.returnvalue);
        await queue.remove(id);
      }
      pending.delete(id);
    }
    if (ended === 0) await wait(LOOK_MS, undefined, { signal }).catch(() => undefined); // the loop sees that it was aborted
  }
  return missing;
}

/** Takes results from the queue that were written before, by one who was killed then. */
export async function removeCollected(queue: BatchQueue, ids: Iterable<string>): Promise<void> {
  const all = [...ids];
  for (let from = 0; from < all.length; from += TOGETHER)
    await Promise.all(
      all.slice(from, from + TOGETHER).map(async (id) => {
        if ((await queue.getJobState(id)) === "completed") await queue.remove(id);
      }),
    );
}

/** As OpenAI writes a request that got no answer. */
function deadLetter(id: string, customId: string, reason: string | undefined): BatchResult {
  return {
    id,
    custom_id: customId,
    response: null,
    error: { code: "request_failed", message: reason ?? "the request failed, and no reason was kept" },
  };
}

function* take<T>(items: Iterable<T>, most: number): Generator<T, void, undefined> {
  let taken = 0;
  for (const item of items) {
    if (taken++ === most) return;
    yield item;
  }
}
