// Decides what is submitted next, and to which queue. Never waits and has no clock: an executor asks for submissions and
// reports completions. A task is ready on a queue if each dependency was submitted to that queue before, or is complete.
import { taskOf } from "../plan/task.js";
import type { Plan } from "../plan/plan.js";
import { attentionGrainOf, type SchedulerPlacement } from "../plan/vocabulary.js";
import { invariant } from "../util/invariant.js";
import { defaultCost, nodeCosts, type CostModel } from "../plan/cost.js";
import { rankOf, ranksOf, nameRank } from "./ranks.js";
import { collectMoves, maxQueues, travelMasks } from "./moves.js";
import { placeTasks } from "./placement.js";
import { Readiness } from "./readiness.js";
import { ReadyTasks } from "./ready-tasks.js";
import { remainingPaths } from "../plan/remaining-path.js";
import type { Stage, OwnedTokens, Submission, SubmissionLimits } from "./submission.js";

export interface SchedulerOptions {
  readonly queues: number;
  readonly placement: SchedulerPlacement;
  /** How many submissions a queue holds at once: enough to hide the host's encoding, few enough to stay responsive. */
  readonly maxInFlight?: number;
  readonly maxStagesPerSubmission?: number;
  /**
   * By default a stage takes all ready tasks of its rank, so the number of dispatches depends on the layers alone. Under "free"
   * the default is 1, because the queue that asks first would otherwise take all the work.
   */
  readonly maxTasksPerStage?: number;
  /**
   * How many segments' weight gradients may be ready and wait: one number for all queues, or one for each. By default all
   * wait until the queue has nothing else to do. With w, those of segment l are taken before the gradients of segment
   * l − w − 1 (unless maxTasksPerStage splits these), so the rows of at most w + 1 segments have to be kept. Different
   * numbers put queues with equal work out of step: weight gradients of one then run beside activation gradients of another.
   */
  readonly maxWaitingWeights?: number | readonly number[];
  readonly cost?: CostModel;
}

const unlimited: SubmissionLimits = { mostCost: Infinity, enoughCost: Infinity, stageCost: 0 };

export class Scheduler {
  readonly plan: Plan;
  readonly queues: number;
  readonly placement: SchedulerPlacement;
  readonly #isFree: boolean;
  readonly #maxInFlight: number;
  readonly #maxStages: number;
  readonly #maxTasks: number;
  /** Per queue. */
  readonly #maxWaitingWeights: readonly number[];
  readonly #firstWeights: number;
  readonly #queueOfNode: Int32Array;
  readonly #travelMasks: Int32Array;
  readonly #readiness: Readiness;
  /** One set of ready tasks per queue; under "free", where any queue may take any task, one for all. */
  readonly #ready: readonly ReadyTasks[];
  readonly #costs: Float64Array;
  /** Per queue, the submission in each place of its window. */
  readonly #windows: (Submission | undefined)[][];
  readonly #submissions = new Map<number, Submission>();
  #nextId = 0;
  #completeTasks = 0;

  constructor(plan: Plan, options: SchedulerOptions) {
    const { queues, placement, maxInFlight = 2, maxStagesPerSubmission = 4 } = options;
    const { maxTasksPerStage = placement === "free" ? 1 : Infinity, cost = defaultCost(plan) } = options;
    invariant(Number.isInteger(queues) && queues >= 1 && queues <= maxQueues, `${queues} queues`);
    for (const limit of [maxInFlight, maxStagesPerSubmission, maxTasksPerStage])
      invariant(limit >= 1, `a scheduler limit is ${limit}`);
    invariant(
      plan.attentionGrain === attentionGrainOf(plan.fence, placement),
      `attention per ${plan.attentionGrain} does not fit a ${plan.fence} fence with ${placement} placement`,
    );
    this.plan = plan;
    this.queues = queues;
    this.placement = placement;
    this.#isFree = placement === "free";
    this.#maxInFlight = maxInFlight;
    this.#maxStages = maxStagesPerSubmission;
    this.#maxTasks = maxTasksPerStage;
    this.#maxWaitingWeights = waitingWeightsOf(options);
    this.#queueOfNode = placeTasks(plan, { queues, placement, cost });
    this.#travelMasks = travelMasks(plan, this.#queueOfNode);
    this.#windows = Array.from({ length: queues }, () => []);
    const costs = nodeCosts(plan, cost);
    this.#costs = costs;
    const priorities = this.#isFree ? remainingPaths(plan, costs) : urgencies(plan, costs);
    const pools = this.#isFree ? 1 : queues;
    this.#readiness = new Readiness(plan, pools);
    const { count, firstWeights } = ranksOf(plan);
    this.#firstWeights = firstWeights;
    this.#ready = Array.from({ length: pools }, () => new ReadyTasks(count, priorities));
    for (let node = 0; node < plan.numbering.slicesPerSegment; node++)
      this.#addReady(node, this.#isFree ? 0 : this.#queueOfNode[node]!);
  }

  /** Whether all tasks are complete. */
  get isFinished(): boolean {
    return this.#completeTasks === this.plan.taskCount;
  }

  /** The number of submissions of `queue` that are not complete. */
  inFlight(queue: number): number {
    let count = 0;
    for (const submission of this.#windows[queue]!) if (submission) count++;
    return count;
  }

  /** The queue of a task; −1 for joins and under "free". */
  queueOf(node: number): number {
    return this.#queueOfNode[node]!;
  }

  /** Which tokens of a sentence live on which queue, in token order; empty under "free". */
  ownership(sentence: number): OwnedTokens[] {
    const owned: { -readonly [Field in keyof OwnedTokens]: OwnedTokens[Field] }[] = [];
    if (this.#isFree) return owned;
    // The slices of segment 0 are the plan's first nodes.
    const { sliceStart } = this.plan.numbering;
    for (let node = sliceStart[sentence]!; node < sliceStart[sentence + 1]!; node++) {
      const queue = this.#queueOfNode[node]!;
      const last = owned.at(-1);
      if (last?.queue === queue) last.tokenCount += this.plan.tokenCount[node]!;
      else
        owned.push({
          queue,
          firstToken: this.plan.firstToken[node]!,
          tokenCount: this.plan.tokenCount[node]!,
        });
    }
    return owned;
  }

  /** The next submission of `queue`; undefined if nothing is ready, its window is full, or all is done. */
  next(queue: number, limits: SubmissionLimits = unlimited): Submission | undefined {
    const window = this.#windows[queue]!;
    let encoder = 0;
    while (window[encoder]) encoder++;
    if (encoder >= this.#maxInFlight) return undefined;
    const stages: Stage[] = [];
    let cost = 0;
    for (;;) {
      const withStages = cost + stages.length * limits.stageCost;
      if (stages.length === this.#maxStages || withStages >= limits.enoughCost) break;
      const room = limits.mostCost - withStages - limits.stageCost;
      const stage = this.#formStage(queue, room, stages.length === 0);
      if (!stage) break;
      stages.push(stage);
      for (const node of stage.nodes) cost += this.#costs[node]!;
    }
    if (stages.length === 0) return undefined;
    const moves = stages.flatMap(({ nodes }) => collectMoves(this.plan, nodes, this.#travelMasks));
    const submission: Submission = { id: this.#nextId++, queue, encoder, stages, moves, cost };
    window[encoder] = submission;
    this.#submissions.set(submission.id, submission);
    return submission;
  }

  /** Reports that the GPU is done with a submission and that its moves have arrived. */
  complete(submissionId: number): void {
    const submission = this.#submissions.get(submissionId);
    invariant(submission, `submission ${submissionId} is not in flight`);
    this.#submissions.delete(submissionId);
    this.#windows[submission.queue]![submission.encoder] = undefined;
    for (const stage of submission.stages) {
      this.#completeTasks += stage.nodes.length;
      this.#countCompleted(stage.nodes);
    }
  }

  #formStage(queue: number, maxCost: number, mustTake: boolean): Stage | undefined {
    const ready = this.#ready[this.#isFree ? 0 : queue]!;
    const rank = this.#isFree
      ? ready.mostUrgentRank()
      : this.#chooseRank(ready, this.#maxWaitingWeights[queue]!);
    if (rank < 0) return undefined;
    const nodes = ready.take(rank, this.#maxTasks, maxCost, this.#costs, mustTake);
    if (nodes.length === 0) return undefined;
    if (!this.#isFree) this.#countOn(nodes, queue);
    return {
      ...nameRank(this.plan, rank),
      tasks: nodes.map((node) => taskOf(this.plan, node)),
      nodes,
    };
  }

  #chooseRank(ready: ReadyTasks, maxWaiting: number): number {
    const mustGo = ready.countRanks(this.#firstWeights) > maxWaiting;
    return ready.lowestRank(mustGo ? this.#firstWeights : 0);
  }

  #countCompleted(nodes: readonly number[]): void {
    if (this.#isFree) return this.#countOn(nodes, 0);
    // On their own queue they were fulfilled when submitted. Elsewhere they matter only where their rows went.
    for (let queue = 0; queue < this.queues; queue++) {
      const arrived = nodes.filter((node) => (this.#travelMasks[node]! & (1 << queue)) !== 0);
      if (arrived.length > 0) this.#countOn(arrived, queue);
    }
  }

  #countOn(nodes: readonly number[], pool: number): void {
    for (const task of this.#readiness.count(nodes, pool))
      if (this.#isFree || this.#queueOfNode[task] === pool) this.#addReady(task, pool);
  }

  #addReady(task: number, pool: number): void {
    this.#ready[pool]!.add(rankOf(this.plan, task), task);
  }
}

function waitingWeightsOf({ queues, maxWaitingWeights = Infinity }: SchedulerOptions): number[] {
  return Array.from({ length: queues }, (_, queue) => {
    const count = typeof maxWaitingWeights === "number" ? maxWaitingWeights : maxWaitingWeights[queue];
    invariant(count !== undefined && count >= 0, `the weights of ${count} segments may wait`);
    return count;
  });
}

/**
 * Priorities within a rank. Whole sentences go together, the costliest first, so that the first fence opens early if a stage
 * cannot hold all. In a training step whole shares go together, and weight gradients in the order of their shares.
 */
function urgencies(plan: Plan, costs: Float64Array): Float64Array {
  const { sentence, shareOf = plan.lengths.map((_, index) => index) } = plan;
  const totals = new Float64Array(plan.lengths.length);
  for (let node = 0; node < plan.nodeCount; node++)
    if (sentence[node]! >= 0) totals[shareOf[sentence[node]!]!]! += costs[node]!;
  const urgency = new Float64Array(plan.nodeCount);
  for (let node = 0; node < plan.nodeCount; node++)
    if (sentence[node]! >= 0) urgency[node] = totals[shareOf[sentence[node]!]!]!;
  return urgency;
}
