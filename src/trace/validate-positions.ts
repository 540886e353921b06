// Where a trace executed each task: in which submission, on which queue, and in which stage of that queue.
import { NodeKind, type Plan } from "../plan/plan.js";
import { shareOfNode } from "../plan/task.js";
import type { TraceSubmission } from "./trace.js";

export class Positions {
  readonly plan: Plan;
  readonly queues: number;
  /** Per node; −1 if the trace never executed it. */
  readonly queue: Int32Array;
  /** Per node, the index of its stage on its queue. */
  readonly stage: Int32Array;
  readonly submittedMs: Float64Array;
  readonly doneMs: Float64Array;
  readonly #stagesOfQueue: Int32Array;
  #submission: TraceSubmission | undefined;

  constructor(plan: Plan, queues: number) {
    this.plan = plan;
    this.queues = queues;
    this.queue = new Int32Array(plan.nodeCount).fill(-1);
    this.stage = new Int32Array(plan.nodeCount).fill(-1);
    this.submittedMs = new Float64Array(plan.nodeCount);
    this.doneMs = new Float64Array(plan.nodeCount);
    this.#stagesOfQueue = new Int32Array(queues).fill(-1);
  }

  /** Begins a new stage of this submission, to which the tasks placed next belong. */
  openStage(submission: TraceSubmission): void {
    this.#submission = submission;
    this.#stagesOfQueue[submission.queue]!++;
  }

  /** Places a task in the current stage. Returns false if it has a place already, which it keeps. */
  place(node: number): boolean {
    if (this.queue[node] !== -1 || !this.#submission) return false;
    const { queue, submittedMs, doneMs } = this.#submission;
    this.queue[node] = queue;
    this.stage[node] = this.#stagesOfQueue[queue]!;
    this.submittedMs[node] = submittedMs;
    this.doneMs[node] = doneMs;
    return true;
  }

  findMissing(): string[] {
    const problems: string[] = [];
    for (let node = 0; node < this.plan.nodeCount; node++)
      if (this.queue[node] === -1 && this.plan.kind[node] !== NodeKind.join)
        problems.push(`${this.describe(node)} never ran.`);
    return problems;
  }

  /** Sentences, or shares in a training step, whose tasks ran on more than one queue. */
  findDivided(): string[] {
    const { shareOf, lengths, sentence } = this.plan;
    const home = new Int32Array(shareOf ? this.plan.numbering.shares : lengths.length).fill(-1);
    const divided = new Set<number>();
    for (const [node, queue] of this.queue.entries()) {
      const member = !shareOf
        ? sentence[node]!
        : sentence[node]! < 0
          ? shareOfNode(this.plan, node)
          : shareOf[sentence[node]!]!;
      if (home[member] === -1) home[member] = queue;
      if (queue !== -1 && queue !== home[member]) divided.add(member);
    }
    const noun = shareOf ? "Share" : "Sentence";
    return [...divided].map((member) => `${noun} ${member} left its queue under affine placement.`);
  }

  describe(node: number): string {
    const { kind, level, sentence, firstToken, tokenCount } = this.plan;
    const what = `${words[kind[node]!]} ${level[node]}`;
    if (kind[node] === NodeKind.weightGradient) return `${what} of share ${shareOfNode(this.plan, node)}`;
    const first = firstToken[node]!;
    return `${what} of sentence ${sentence[node]}, tokens ${first} to ${first + tokenCount[node]! - 1},`;
  }
}

const words: Readonly<Record<number, string>> = {
  [NodeKind.slice]: "Segment",
  [NodeKind.attention]: "Attention of layer",
  [NodeKind.sliceGradient]: "Gradient of segment",
  [NodeKind.attentionGradient]: "Gradient of attention of layer",
  [NodeKind.weightGradient]: "Weight gradient of segment",
};
