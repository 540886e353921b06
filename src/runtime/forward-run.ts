// One forward call being executed: asks the scheduler, encodes what it answers on real queues, reports completions.
// Nothing here waits per layer, stage or sentence: the only waits are those for whole submissions.
import { CancelledError } from "../errors.js";
import { CommandList } from "../gpu/command-list.js";
import { Readback } from "../gpu/readback.js";
import { TimestampSlot } from "../gpu/timestamps.js";
import type { Queue } from "../gpu/queue.js";
import type { Gpt2Arena } from "../model/gpt2-arena.js";
import type { Gpt2Dimensions } from "../model/gpt2-dimensions.js";
import type { Gpt2Forward } from "../model/gpt2-forward.js";
import type { Move } from "../schedule/moves.js";
import type { Scheduler } from "../schedule/scheduler.js";
import type { Group, Submission } from "../schedule/submission.js";
import { invariant } from "../util/invariant.js";
import { writeBlockTable, writeRowTable, type ArenaLayout } from "./arena-layout.js";
import { QueueOutput, type OutputCollector } from "./output.js";
import type { SubmissionRecord } from "./trace-recorder.js";

/** One queue's share of a run. */
export interface RunQueue {
  readonly queue: Queue;
  readonly forward: Gpt2Forward;
  readonly arena: Gpt2Arena;
  readonly layout: ArenaLayout;
}

export interface RunCounts {
  dispatches: number;
  submissions: number;
}

export class ForwardRun {
  /** In the order of submission; complete when `run` resolves. */
  readonly records: SubmissionRecord[] = [];
  readonly counts: readonly RunCounts[];
  movedBytes = 0;

  readonly #scheduler: Scheduler;
  readonly #queues: readonly RunQueue[];
  readonly #outputs: readonly QueueOutput[];
  readonly #dimensions: Gpt2Dimensions;
  readonly #maxGroups: number;
  /** Per queue, the timestamp queries of each slot of its window; undefined where passes are not timed. */
  readonly #timestamps: (TimestampSlot[] | undefined)[];
  readonly #startMs = performance.now();
  readonly #inFlight = new Set<Promise<void>>();
  #stop: { readonly error: unknown } | undefined;
  #finish: (() => void) | undefined;

  constructor(options: {
    scheduler: Scheduler;
    queues: readonly RunQueue[];
    dimensions: Gpt2Dimensions;
    collector: OutputCollector;
    /** The most groups a submission has, to size its queries. */
    maxGroupsPerSubmission: number;
    timed: boolean;
  }) {
    const { scheduler, queues, dimensions, collector, maxGroupsPerSubmission, timed } = options;
    this.#scheduler = scheduler;
    this.#queues = queues;
    this.#dimensions = dimensions;
    this.#maxGroups = maxGroupsPerSubmission;
    this.#outputs = queues.map(
      ({ queue, forward }) => new QueueOutput(queue, forward, dimensions, collector),
    );
    this.#timestamps = queues.map(({ queue }) => (timed && queue.adapter.hasTimestamps ? [] : undefined));
    this.counts = queues.map(() => ({ dispatches: 0, submissions: 0 }));
  }

  /** Runs all tasks. Rejects with the first failure, or CancelledError, once nothing of the run is in flight. */
  async run(signal: AbortSignal | undefined): Promise<void> {
    const cancel = (): void => this.#stopWith(new CancelledError("The forward pass", signal?.reason));
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel(); // while the arenas were made
    try {
      await new Promise<void>((resolve) => {
        this.#finish = resolve;
        this.#pump();
      });
      await Promise.allSettled(this.#inFlight);
      if (this.#stop) throw this.#stop.error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      for (const slots of this.#timestamps) for (const slot of slots ?? []) slot.dispose();
    }
  }

  #stopWith(error: unknown): void {
    this.#stop ??= { error };
    this.#finish?.();
  }

  /** Fills every queue's window, one submission per queue in turn, so that all queues start at once. */
  #pump(): void {
    try {
      for (let progress = true; progress && !this.#stop;) {
        progress = false;
        for (let queue = 0; queue < this.#queues.length; queue++) {
          const submission = this.#scheduler.next(queue);
          if (!submission) continue;
          progress = true;
          this.#submit(submission);
        }
      }
      if (this.#stop || this.#scheduler.isFinished) this.#finish?.();
      else invariant(this.#inFlight.size > 0, "nothing is ready, in flight or finished");
    } catch (error) {
      this.#stopWith(error);
    }
  }

  #submit(submission: Submission): void {
    const { queue } = this.#queues[submission.queue]!;
    const list = new CommandList(queue);
    let waits: readonly Promise<unknown>[] = [];
    const accepted = queue.checked(() => {
      try {
        waits = this.#encode(list, submission);
      } catch (error) {
        list.drop();
        throw error;
      }
    });
    const done = allOf([accepted, ...waits]);
    this.#inFlight.add(done);
    void done
      .then(() => {
        this.#inFlight.delete(done);
        this.#scheduler.complete(submission.id);
        this.#pump();
      })
      .catch((error: unknown) => this.#stopWith(error));
  }

  /** Encodes and submits. Answers what to wait for: completion, arrived rows, results read, and times noted. */
  #encode(list: CommandList, submission: Submission): Promise<unknown>[] {
    const { queue } = list;
    const encodedMs = this.#now();
    const timed = this.#timestamps[submission.queue];
    const reads: (() => Promise<void>)[] = [];
    if (!timed) list.beginPass("forward");
    for (const group of submission.groups) {
      if (timed) list.beginPass(`${group.kind}-${group.level}`);
      reads.push(...this.#encodeGroup(list, submission.queue, group));
    }
    const arrivals = this.#encodeMoves(list, submission);
    let slot: TimestampSlot | undefined;
    if (timed) slot = timed[submission.encoder] ??= new TimestampSlot(queue, this.#maxGroups);
    const submittedMs = this.#now();
    list.submit(`forward.${submission.id}`, slot);
    const counts = this.counts[submission.queue]!;
    counts.dispatches += list.dispatches;
    counts.submissions++;
    const index = this.records.push({ submission, encodedMs, submittedMs, doneMs: 0, passes: undefined }) - 1;
    const note = (fields: Partial<SubmissionRecord>): void => {
      this.records[index] = { ...this.records[index]!, ...fields };
    };
    const arrived = allOf([queue.fence(), ...arrivals.map((arrive) => arrive())]);
    return [
      arrived.then(() => note({ doneMs: this.#now() })),
      ...(slot ? [slot.read().then((passes) => note({ passes }))] : []),
      ...reads.map((read) => read()),
    ];
  }

  #encodeGroup(list: CommandList, queue: number, group: Group): (() => Promise<void>)[] {
    const { queue: gpu, forward, arena, layout } = this.#queues[queue]!;
    const runs = layout.runsOf(group.tasks);
    if (group.kind === "attention") {
      forward.encodeAttention(list, arena, group.level, writeBlockTable(gpu.tables, runs));
      return [];
    }
    forward.encodeSegment(list, arena, group.level, writeRowTable(gpu.tables, runs));
    if (group.level < this.#dimensions.layers) return [];
    return this.#outputs[queue]!.encode(list, arena, runs);
  }

  /** Copies the K and V rows that other queues wait for; the answers write them there once they are on the host. */
  #encodeMoves(list: CommandList, { queue, moves }: Submission): (() => Promise<void>)[] {
    const targets = new Set(moves.map((move) => move.toQueue));
    return [...targets].map((target) =>
      this.#encodeMovesTo(
        list,
        queue,
        target,
        moves.filter((move) => move.toQueue === target),
      ),
    );
  }

  #encodeMovesTo(list: CommandList, from: number, to: number, moves: readonly Move[]): () => Promise<void> {
    const source = this.#queues[from]!;
    const target = this.#queues[to]!;
    const rowBytes = 32 * this.#dimensions.attentionVectors;
    const sizeBytes = rowBytes * moves.reduce((sum, move) => sum + move.tokenCount, 0);
    const readback = new Readback(source.queue, sizeBytes);
    const places = moves.map(({ sentence, layer, firstToken, tokenCount }) => ({
      at: readback.copy(
        list,
        source.arena.keyValueOf(layer),
        rowBytes * source.layout.rowOf(sentence, firstToken),
        rowBytes * tokenCount,
      ),
      buffer: target.arena.keyValueOf(layer),
      offset: rowBytes * target.layout.rowOf(sentence, firstToken),
      sizeBytes: rowBytes * tokenCount,
    }));
    this.movedBytes += sizeBytes;
    return async () => {
      const bytes = await readback.read();
      for (const place of places)
        target.queue.device.queue.writeBuffer(
          place.buffer.raw,
          place.offset,
          bytes,
          place.at,
          place.sizeBytes,
        );
    };
  }

  #now(): number {
    return performance.now() - this.#startMs;
  }
}

/** Waits for all, also when one rejects: nothing of it may be at work any more when its buffers are given away. */
async function allOf(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === "rejected") throw result.reason as Error;
}
