// Which queue each task runs on. Deterministic: of equal loads the lower queue is chosen, of equal costs the earlier sentence.
// A slice stays on its queue through all layers, with the attention of its rows, so residual rows never travel. In a training
// step a whole share stays on its queue, so sums of its weight gradients never travel unfinished.
import { NodeKind, type Plan } from "../plan/plan.js";
import { shareOfNode } from "../plan/task.js";
import type { SchedulerPlacement } from "../plan/vocabulary.js";
import { nodeCosts, type CostModel } from "../plan/cost.js";

export interface PlacementOptions {
  readonly queues: number;
  readonly placement: SchedulerPlacement;
  readonly cost: CostModel;
}

/** The queue of every node; −1 for joins, and for every node under "free". */
export function placeTasks(plan: Plan, { queues, placement, cost }: PlacementOptions): Int32Array {
  const queueOfNode = new Int32Array(plan.nodeCount).fill(-1);
  if (placement === "free") return queueOfNode;
  if (plan.shareOf) return placeShares(plan, plan.shareOf, nodeCosts(plan, cost), queues);
  const sliceCosts = costsOfSlices(plan, nodeCosts(plan, cost));
  const queueOfSlice = placeSlices(plan, sliceCosts, queues, placement === "affine" ? 1 : queues);
  for (let node = 0; node < plan.nodeCount; node++)
    if (plan.kind[node] !== NodeKind.join) queueOfNode[node] = queueOfSlice[sliceIndex(plan, node)]!;
  return queueOfNode;
}

/** Places each share, in order, on the least loaded queue. */
function placeShares(
  plan: Plan,
  shareOf: readonly number[],
  costs: Float64Array,
  queues: number,
): Int32Array {
  const shareOfTask = (node: number): number =>
    plan.kind[node] === NodeKind.weightGradient ? shareOfNode(plan, node) : shareOf[plan.sentence[node]!]!;
  const shareCosts = new Float64Array(plan.numbering.shares);
  for (let node = 0; node < plan.nodeCount; node++) shareCosts[shareOfTask(node)]! += costs[node]!;
  const loads = new Float64Array(queues);
  const queueOfShare = Array.from(shareCosts, (cost) => {
    const queue = leastLoaded(loads, new Set());
    loads[queue]! += cost;
    return queue;
  });
  return Int32Array.from(plan.kind, (kind, node) =>
    kind === NodeKind.join ? -1 : queueOfShare[shareOfTask(node)]!,
  );
}

/** Cuts each sentence into at most `runs` runs, the costliest first, and places each on the least loaded queue. */
function placeSlices(plan: Plan, sliceCosts: Float64Array, queues: number, runs: number): Int32Array {
  const { sliceStart } = plan.numbering;
  const sentenceCosts = plan.lengths.map((_, sentence) =>
    sumRange(sliceCosts, sliceStart[sentence]!, sliceStart[sentence + 1]!),
  );
  const order = plan.lengths.map((_, sentence) => sentence);
  order.sort((a, b) => sentenceCosts[b]! - sentenceCosts[a]! || a - b);
  const queueOfSlice = new Int32Array(plan.numbering.slicesPerSegment);
  const loads = new Float64Array(queues);
  for (const sentence of order) {
    const cuts = cutSlicesByCost(sliceCosts, sliceStart[sentence]!, sliceStart[sentence + 1]!, runs);
    const costed = cuts.map(({ first, end }) => ({ first, end, cost: sumRange(sliceCosts, first, end) }));
    costed.sort((a, b) => b.cost - a.cost || a.first - b.first);
    const taken = new Set<number>();
    for (const run of costed) {
      const queue = leastLoaded(loads, taken);
      taken.add(queue);
      loads[queue]! += run.cost;
      queueOfSlice.fill(queue, run.first, run.end);
    }
  }
  return queueOfSlice;
}

/** Cuts slices first…end−1 into contiguous runs of about equal cost. A slice joins the run that its middle falls into. */
function cutSlicesByCost(
  costs: Float64Array,
  first: number,
  end: number,
  runs: number,
): { first: number; end: number }[] {
  const count = Math.min(runs, end - first);
  const perRun = sumRange(costs, first, end) / count;
  const cuts: { first: number; end: number }[] = [];
  let before = 0;
  let previousRun = -1;
  for (let slice = first; slice < end; slice++) {
    const run = perRun > 0 ? Math.min(count - 1, Math.floor((before + costs[slice]! / 2) / perRun)) : 0;
    if (run !== previousRun) cuts.push({ first: slice, end: slice });
    cuts.at(-1)!.end = slice + 1;
    previousRun = run;
    before += costs[slice]!;
  }
  return cuts;
}

/** The cost of each slice over all layers, with the attention of its rows. */
function costsOfSlices(plan: Plan, costs: Float64Array): Float64Array {
  const total = new Float64Array(plan.numbering.slicesPerSegment);
  for (let node = 0; node < plan.nodeCount; node++)
    if (plan.kind[node] !== NodeKind.join) total[sliceIndex(plan, node)]! += costs[node]!;
  return total;
}

/** The slice of a task, counted over the batch. Attention of a whole sentence counts as its first slice. */
function sliceIndex(plan: Plan, node: number): number {
  return plan.numbering.sliceStart[plan.sentence[node]!]! + plan.firstToken[node]! / plan.sliceTokens;
}

function leastLoaded(loads: Float64Array, taken: ReadonlySet<number>): number {
  let best = -1;
  for (let queue = 0; queue < loads.length; queue++)
    if (!taken.has(queue) && (best < 0 || loads[queue]! < loads[best]!)) best = queue;
  return best;
}

function sumRange(values: Float64Array, first: number, end: number): number {
  let sum = 0;
  for (let index = first; index < end; index++) sum += values[index]!;
  return sum;
}
