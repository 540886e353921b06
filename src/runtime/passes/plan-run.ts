// Executes a plan: asks the scheduler for submissions, has them encoded on real queues, and reports their completion to it.
// Waits for whole submissions only, never per layer, stage or sentence.
import { CancelledError } from "../../errors.js";
import { CommandList } from "../../gpu/command-list.js";
import { TimestampSet } from "../../gpu/timestamps.js";
import type { QueueLoad } from "../load/loaded-model.js";
import type { Queue } from "../../gpu/queue.js";
import type { Turn } from "../../schedule/fair-turns.js";
import type { Move } from "../../schedule/moves.js";
import type { Scheduler } from "../../schedule/scheduler.js";
import type { Stage, Submission } from "../../schedule/submission.js";
import { settleAll } from "../../util/settle-all.js";
import { invariant } from "../../util/invariant.js";
import { stageTimes, type SubmissionRecord } from "./trace-recorder.js";

/** Encodes the tasks of one queue. The functions that it returns are called after submission, and their promises awaited. */
export interface QueueEncoder {
  readonly queue: Queue;
  /** Adds a stage to a submission. The returned functions read results back once the submission is done. */
  encodeStage(list: CommandList, stage: Stage): (() => Promise<void>)[];
  /** Adds copies of rows for other queues. The promises of the returned functions resolve when the rows are there. */
  encodeMoves(list: CommandList, moves: readonly Move[]): (() => Promise<void>)[];
}

/** If other calls use the queue, submissions take no longer than this, so that turns are short. */
export const SHARED_BUDGET_MS = 10;

export interface RunCounts {
  dispatches: number;
  submissions: number;
}

export class PlanRun {
  /** In the order of submission; complete when `run` resolves. */
  readonly records: SubmissionRecord[] = [];
  readonly counts: readonly RunCounts[];

  readonly #scheduler: Scheduler;
  readonly #encoders: readonly QueueEncoder[];
  readonly #loads: readonly QueueLoad[];
  #turns: readonly Turn[] = [];
  readonly #gpuBudgetMs: number;
  /** The name of what is being done, for messages and labels. */
  readonly #operation: string;
  readonly #maxStages: number;
  readonly #timesKernels: boolean;
  /** Per queue, the timestamp queries of each place in its window. Undefined if passes are not timed. */
  readonly #timestamps: (TimestampSet[] | undefined)[];
  readonly #startMs = performance.now();
  readonly #inFlight = new Set<Promise<void>>();
  #stop: { readonly error: unknown } | undefined;
  #finish: (() => void) | undefined;

  constructor(options: {
    scheduler: Scheduler;
    encoders: readonly QueueEncoder[];
    /** One per encoder. */
    loads: readonly QueueLoad[];
    /** A submission takes no longer than this, unless a single task does. */
    gpuBudgetMs?: number;
    operation: string;
    /** The most stages of a submission. Decides the number of timestamp queries. */
    maxStagesPerSubmission: number;
    /** Whether stages are timed, or with "kernels" every dispatch. */
    timed: boolean | "kernels";
  }) {
    const { scheduler, encoders, loads, gpuBudgetMs, operation, maxStagesPerSubmission, timed } = options;
    this.#scheduler = scheduler;
    this.#encoders = encoders;
    this.#loads = loads;
    this.#gpuBudgetMs = gpuBudgetMs ?? Infinity;
    this.#operation = operation;
    this.#maxStages = maxStagesPerSubmission;
    this.#timesKernels = timed === "kernels";
    this.#timestamps = encoders.map(({ queue }) => (timed && queue.adapter.hasTimestamps ? [] : undefined));
    this.counts = encoders.map(() => ({ dispatches: 0, submissions: 0 }));
  }

  /** Runs all tasks. Rejects with the first failure, or CancelledError, once nothing of the run is in flight. */
  async run(signal: AbortSignal | undefined): Promise<void> {
    const cancel = (): void => this.#stopWith(new CancelledError(this.#operation, signal?.reason));
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel(); // while the arenas were made
    try {
      await new Promise<void>((resolve) => {
        this.#finish = resolve;
        this.#turns = this.#loads.map(({ turns }) => turns.join(() => this.#pump()));
        this.#pump();
      });
      await Promise.allSettled(this.#inFlight);
      if (this.#stop) throw this.#stop.error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      for (const turn of this.#turns) turn.leave();
      for (const sets of this.#timestamps) for (const set of sets ?? []) set.dispose();
    }
  }

  #stopWith(error: unknown): void {
    this.#stop ??= { error };
    this.#finish?.();
  }

  /** Fills every queue's window, one submission per queue in turn, so that all queues start at once. */
  #pump(): void {
    let isWaiting = false;
    try {
      for (let progress = true; progress && !this.#stop;) {
        progress = false;
        for (let queue = 0; queue < this.#encoders.length; queue++) {
          const turn = this.#turns[queue]!;
          if (!turn.take()) {
            isWaiting = true;
            continue;
          }
          const budgetMs = Math.min(this.#gpuBudgetMs, turn.isShared() ? SHARED_BUDGET_MS : Infinity);
          const submission = this.#scheduler.next(queue, this.#loads[queue]!.pace.limits(budgetMs));
          if (!submission) {
            turn.cancel();
            continue;
          }
          progress = true;
          this.#submit(submission, turn);
        }
      }
      if (this.#stop || this.#scheduler.isFinished) this.#finish?.();
      else invariant(isWaiting || this.#inFlight.size > 0, "nothing is ready, in flight or finished");
    } catch (error) {
      this.#stopWith(error);
    }
  }

  #submit(submission: Submission, turn: Turn): void {
    const { queue } = this.#encoders[submission.queue]!;
    const list = new CommandList(queue, this.#timesKernels);
    let waits: readonly Promise<unknown>[] = [];
    const accepted = queue.checked(() => {
      try {
        waits = this.#encode(list, submission);
      } catch (error) {
        list.drop();
        throw error;
      }
    });
    const submittedMs = performance.now();
    const done = settleAll([accepted, ...waits]);
    this.#inFlight.add(done);
    void done
      .then(() => {
        this.#inFlight.delete(done);
        this.#scheduler.complete(submission.id);
        const elapsedMs = turn.giveBack(submittedMs, performance.now());
        this.#loads[submission.queue]!.pace.observe(submission.cost, submission.stages.length, elapsedMs);
        this.#pump();
      })
      .catch((error: unknown) => this.#stopWith(error));
  }

  /** Encodes and submits. Returns what to wait for: completion, arrived rows, results read, and times noted. */
  #encode(list: CommandList, submission: Submission): Promise<unknown>[] {
    const { queue } = list;
    const encoder = this.#encoders[submission.queue]!;
    const encodedMs = this.#now();
    const timed = this.#timestamps[submission.queue];
    const reads: (() => Promise<void>)[] = [];
    const firstPasses: number[] = [];
    if (!timed) list.beginPass(this.#operation);
    for (const stage of submission.stages) {
      firstPasses.push(list.passLabels.length);
      if (timed && !this.#timesKernels) list.beginPass(`${stage.kind}-${stage.level}`);
      reads.push(...encoder.encodeStage(list, stage));
    }
    const arrivals = encoder.encodeMoves(list, submission.moves);
    let timestamps: TimestampSet | undefined;
    if (timed) timestamps = this.#timestampSet(timed, submission.encoder, list);
    const submittedMs = this.#now();
    list.submit(`${this.#operation} ${submission.id}`, timestamps);
    const counts = this.counts[submission.queue]!;
    counts.dispatches += list.dispatches;
    counts.submissions++;
    const index = this.records.push({ submission, encodedMs, submittedMs, doneMs: 0, times: undefined }) - 1;
    const note = (fields: Partial<SubmissionRecord>): void => {
      this.records[index] = { ...this.records[index]!, ...fields };
    };
    const kernels = this.#timesKernels ? list.passLabels : undefined;
    const arrived = settleAll([queue.fence(), ...arrivals.map((arrive) => arrive())]);
    return [
      arrived.then(() => note({ doneMs: this.#now() })),
      ...(timestamps
        ? [timestamps.read().then((passes) => note({ times: stageTimes(passes, firstPasses, kernels) }))]
        : []),
      ...reads.map((read) => read()),
    ];
  }

  /** Returns queries for the passes of `list`: those of its place in the window, which is free. */
  #timestampSet(sets: TimestampSet[], place: number, { queue, passLabels }: CommandList): TimestampSet {
    const passes = Math.max(this.#maxStages, passLabels.length);
    let set = sets[place];
    if (set && set.maxPasses >= passes) return set;
    set?.dispose();
    set = new TimestampSet(queue, passes);
    sets[place] = set;
    return set;
  }

  #now(): number {
    return performance.now() - this.#startMs;
  }
}
