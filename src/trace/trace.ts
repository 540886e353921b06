// What a run did and when: a JSON-serialisable record. Executors write it; the validator, metrics and pictures read it.
import type { Fence, Placement, Task } from "../plan/vocabulary.js";

/** One dispatch. */
export interface KernelTime {
  /** "<folder>.<stem>" of the shader file. */
  readonly kernel: string;
  readonly elapsedMs: number;
}

/** Tasks that ran as one dispatch per kernel. Times in ms on the trace's one clock. */
export interface TraceStage {
  readonly beginMs: number;
  readonly endMs: number;
  /** "gpu": by timestamp queries. "cpu": the host's time from submission to completion, divided among the stages. */
  readonly clock: "gpu" | "cpu";
  readonly tasks: readonly Task[];
  /** The dispatches in their order, if they were timed: see TrainOptions.trace. */
  readonly kernels?: readonly KernelTime[];
}

/** One command buffer. Stages are in execution order. */
export interface TraceSubmission {
  readonly id: number;
  readonly queue: number;
  readonly encoder: number;
  readonly encodedMs: number;
  readonly submittedMs: number;
  /** When the host knew that it was complete, and every row that another queue waits for had been moved. */
  readonly doneMs: number;
  readonly stages: readonly TraceStage[];
}

/** One forward run or one training step: enough to rebuild its plan and to check every fence. */
export interface Trace {
  readonly lengths: readonly number[];
  /** The share of each sentence. Only a training step has it. */
  readonly shares?: readonly number[];
  readonly sliceTokens: number;
  readonly layers: number;
  readonly fence: Fence;
  readonly placement: Placement;
  readonly queues: number;
  /** In the order of submission. */
  readonly submissions: readonly TraceSubmission[];
}
