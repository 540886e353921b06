// Chooses what a caller left open: how many queues a call uses, where its sentences live, and k. Every candidate runs through
// the real scheduler on a simulated clock, at the speed that the queues have shown so far. Pure: no GPU.
import { buildPlan, type Plan } from "../plan/plan.js";
import { nodeOf } from "../plan/task.js";
import { attentionGrainOf, type Fence, type Placement, type QueueGain } from "../plan/vocabulary.js";
import { nodeCosts, type CostModel } from "../plan/cost.js";
import { simulate } from "./simulate.js";

/** What a caller asks for. `chooseSchedule` decides whatever is "auto". */
export interface ScheduleQuestion {
  readonly lengths: readonly number[];
  readonly layers: number;
  readonly fence: Fence;
  readonly queues: number | "auto";
  readonly placement: Placement | "auto";
  readonly sliceTokens: number | "auto";
}

/** How fast the queues are. */
export interface QueueSpeed {
  /** How many queues are loaded. */
  readonly queues: number;
  readonly cost: CostModel;
  readonly msPerCost: number;
  readonly msPerStage: number;
  /** The gain of a second queue. Further queues are assumed to add nothing. */
  readonly gain: QueueGain;
  /** No task should take longer than this. */
  readonly mostMs: number;
}

export interface ScheduleChoice {
  readonly queues: number;
  readonly placement: Placement;
  readonly sliceTokens: number;
}

/** A candidate with more queues, or that moves rows, has to be this many times as fast as a simpler one. */
const WORTHWHILE = 1.03;

/** Moving rows to another queue takes about this long: they go through the host, and browsers report completions late. */
const MOVE_MS = 3;

/** With this many slices of a sentence per queue, its parts are balanced well enough. */
const SPREAD_SLICES = 4;

export function chooseSchedule(question: ScheduleQuestion, speed: QueueSpeed): ScheduleChoice {
  let best: ScheduleChoice | undefined;
  const candidates = candidatesOf(question, speed);
  if (candidates.length === 1) return candidates[0]!;
  let bestMs = Infinity;
  for (const candidate of candidates) {
    const ms = expectedMs(question, candidate, speed);
    if (best && bestMs < ms * WORTHWHILE) continue;
    best = candidate;
    bestMs = ms;
  }
  return best!;
}

/** Simple candidates first: fewest queues, and among these the ones that move no rows. */
function candidatesOf(question: ScheduleQuestion, speed: QueueSpeed): ScheduleChoice[] {
  const counts =
    question.queues === "auto"
      ? Array.from({ length: speed.queues }, (_, index) => index + 1)
      : [question.queues];
  return counts.flatMap((queues) => {
    // With one queue there is nothing to spread over.
    const asked = queues === 1 ? "affine" : question.placement;
    const placements: readonly Placement[] = asked === "auto" ? ["affine", "spread"] : [asked];
    return placements.map((placement) => ({
      queues,
      placement,
      sliceTokens:
        question.sliceTokens === "auto"
          ? chooseSliceTokens(question, queues, placement, speed)
          : question.sliceTokens,
    }));
  });
}

/**
 * Slices of a segment run together whatever k is. So k matters only if work has to be cut, to keep a task within `mostMs` or
 * to spread a sentence. Otherwise, the fewer slices the better.
 */
function chooseSliceTokens(
  { lengths, layers }: ScheduleQuestion,
  queues: number,
  placement: Placement,
  { cost, msPerCost, mostMs }: QueueSpeed,
): number {
  const longest = Math.max(...lengths);
  const within = mostMs / (msPerCost * cost.sliceMs(Math.min(1, layers), 1));
  const balanced = placement === "spread" ? longest / (SPREAD_SLICES * queues) : longest;
  // Kernels work on blocks of 4 rows: fewer rows take as long.
  return Math.min(4 * Math.max(1, Math.floor(within / 4)), 4 * Math.ceil(balanced / 4), longest);
}

function expectedMs(question: ScheduleQuestion, choice: ScheduleChoice, speed: QueueSpeed): number {
  const { lengths, layers, fence } = question;
  const { queues, placement, sliceTokens } = choice;
  const plan = buildPlan({
    lengths,
    layers,
    sliceTokens,
    fence,
    attentionGrain: attentionGrainOf(fence, placement),
  });
  const costs = nodeCosts(plan, speed.cost);
  const working = placement === "affine" ? Math.min(queues, lengths.length) : queues;
  const slowdown = (gain: number): number => (working === 1 ? 1 : working / gain);
  const { submissions } = simulate(
    plan,
    { queues, placement, cost: speed.cost },
    {
      durationMs: (task) => costOf(plan, costs, task) * speed.msPerCost * slowdown(speed.gain.large),
      stageOverheadMs: speed.msPerStage * slowdown(speed.gain.small),
      moveMs: MOVE_MS,
    },
  );
  return submissions.reduce((latest, { doneMs }) => Math.max(latest, doneMs), 0);
}

function costOf(plan: Plan, costs: Float64Array, task: Parameters<typeof nodeOf>[1]): number {
  return costs[nodeOf(plan, task)!]!;
}
