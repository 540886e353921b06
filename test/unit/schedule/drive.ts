// Runs a scheduler to its end without any clock, completing what is in flight in a random order.
import { expect } from "vitest";
import type { Scheduler } from "../../../src/schedule/scheduler.js";
import type { Submission } from "../../../src/schedule/submission.js";

/** Completes submissions in a random order that respects each queue's own order. */
export function drive(
  scheduler: Scheduler,
  salt: number,
  onSubmit: (submission: Submission, scheduler: Scheduler) => void,
  onComplete: (id: number) => void = () => undefined,
): void {
  const running: Submission[][] = Array.from({ length: scheduler.queues }, () => []);
  let state = salt;
  while (!scheduler.isFinished) {
    for (const [queue, held] of running.entries())
      for (let next = scheduler.next(queue); next; next = scheduler.next(queue)) {
        held.push(next);
        onSubmit(next, scheduler);
      }
    const busy = running.filter((held) => held.length > 0);
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const done = busy[(state >>> 16) % busy.length]?.shift();
    expect(done, "a deadlock").toBeDefined();
    onComplete(done!.id);
    scheduler.complete(done!.id);
  }
}
