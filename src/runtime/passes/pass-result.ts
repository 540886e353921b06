// What a forward pass returns besides its values. Types only.
import type { Placement } from "../../plan/vocabulary.js";
import type { Trace } from "../../trace/trace.js";

/** Statistics of a run on one queue. */
export interface QueueStats {
  readonly tokens: number;
  readonly dispatches: number;
  readonly submissions: number;
  /** With a trace and a GPU clock: the time of the passes. Otherwise: the time with a submission in flight. */
  readonly busyMs: number;
  /** The most GPU memory in buffers of this queue during the call, weights included. */
  readonly peakBytes: number;
}

/** Statistics of a run on all queues together. */
export interface RunStats {
  readonly tokens: number;
  /** k and placement, as given or as chosen. */
  readonly sliceTokens: number;
  readonly placement: Placement;
  readonly elapsedMs: number;
  readonly dispatches: number;
  readonly submissions: number;
  /** K and V rows that travelled between queues. */
  readonly movedBytes: number;
  readonly peakBytes: number;
  readonly queues: readonly QueueStats[];
}

/** Part of every result. */
export interface RunResult {
  readonly stats: RunStats;
  /** Present if the option `trace` was set. */
  readonly trace?: Trace;
}

/** Logits per sentence: [V] for "last", [T, V] for "all", row-major. */
export interface LogitsResult extends RunResult {
  readonly logits: readonly Float32Array<ArrayBuffer>[];
}

/** The rows after the final norm per sentence: [T, C], row-major. */
export interface HiddenResult extends RunResult {
  readonly hidden: readonly Float32Array<ArrayBuffer>[];
}
