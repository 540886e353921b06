// From a node of a plan to the task it stands for, and back.
import { invariant } from "../util/invariant.js";
import { NodeKind, type Plan } from "./plan.js";
import type { Task } from "./vocabulary.js";

/** The task of a slice or attention node. */
export function taskOf(plan: Plan, node: number): Task {
  const kind = plan.kind[node];
  invariant(kind === NodeKind.slice || kind === NodeKind.attention, "a join is no task");
  const sentence = plan.sentence[node]!;
  const level = plan.level[node]!;
  const firstToken = plan.firstToken[node]!;
  const tokenCount = plan.tokenCount[node]!;
  return kind === NodeKind.slice
    ? { kind: "slice", sentence, segment: level, firstToken, tokenCount }
    : { kind: "attention", sentence, layer: level, firstToken, tokenCount };
}

/** The node of a task, or undefined where the plan has no such task: every field is checked. */
export function nodeOf(plan: Plan, task: Task): number | undefined {
  const { layout } = plan;
  const isSlice = task.kind === "slice";
  if (!isSlice && task.kind !== "attention") return undefined;
  const level = isSlice ? task.segment : task.layer;
  const levels = isSlice ? plan.layers + 1 : plan.layers;
  if (!isIndex(task.sentence, plan.lengths.length) || !isIndex(level, levels)) return undefined;
  const whole = !isSlice && plan.attentionGrain === "sentence";
  const within = whole ? 0 : task.firstToken / plan.sliceTokens;
  const first = layout.sliceStart[task.sentence]!;
  if (!isIndex(within, layout.sliceStart[task.sentence + 1]! - first)) return undefined;
  const block = level * layout.nodesPerLayer + (isSlice ? 0 : layout.slicesPerSegment + layout.joinsPerLayer);
  const node = block + (whole ? task.sentence : first + within);
  const matches = plan.firstToken[node] === task.firstToken && plan.tokenCount[node] === task.tokenCount;
  return matches ? node : undefined;
}

function isIndex(value: number, count: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < count;
}
