// The order in which a queue takes ready tasks: each kind has a rank per segment or layer, and lower ranks go first.
// Forward: segment 0, attention 0, segment 1, … segment L. Backward: gradients of segment L, attention L − 1, … segment 0.
// Weight gradients of segments L, L − 1, … 0 come last, because nothing waits for them.
import { NodeKind, type Plan } from "../plan/plan.js";
import type { Task } from "../plan/vocabulary.js";

export interface Ranks {
  readonly count: number;
  /** The first rank of weight gradients. */
  readonly firstWeights: number;
}

/** What the tasks of a rank have in common. */
export interface RankName {
  readonly kind: Task["kind"];
  /** The segment or layer. */
  readonly level: number;
}

export function ranksOf({ layers, shareOf }: Plan): Ranks {
  const forward = 2 * layers + 1;
  return shareOf
    ? { count: 2 * forward + layers + 1, firstWeights: 2 * forward }
    : { count: forward, firstWeights: forward };
}

/** The rank of a task. */
export function rankOf({ kind, level, layers }: Plan, node: number): number {
  const own = level[node]!;
  const firstGradient = 2 * layers + 1;
  if (kind[node] === NodeKind.slice) return 2 * own;
  if (kind[node] === NodeKind.attention) return 2 * own + 1;
  if (kind[node] === NodeKind.sliceGradient) return firstGradient + 2 * (layers - own);
  if (kind[node] === NodeKind.attentionGradient) return firstGradient + 2 * (layers - own) - 1;
  return 2 * firstGradient + layers - own;
}

export function nameRank({ layers }: Plan, index: number): RankName {
  const firstGradient = 2 * layers + 1;
  const back = index - firstGradient;
  if (back < 0) return { kind: index % 2 === 0 ? "slice" : "attention", level: index >> 1 };
  if (back >= firstGradient) return { kind: "weight-gradient", level: layers - (back - firstGradient) };
  return back % 2 === 0
    ? { kind: "slice-gradient", level: layers - (back >> 1) }
    : { kind: "attention-gradient", level: layers - ((back + 1) >> 1) };
}
