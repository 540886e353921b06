// From a node of a plan to the task it stands for, and back.
import { invariant } from "../util/invariant.js";
import { gradientBlock } from "./numbering.js";
import { NodeKind, type Plan } from "./plan.js";
import type { SentenceTask, Task } from "./vocabulary.js";

/** The task of a node, which must not be a join. */
export function taskOf(plan: Plan, node: number): Task {
  const kind = plan.kind[node];
  const level = plan.level[node]!;
  const sentence = plan.sentence[node]!;
  const rows = { firstToken: plan.firstToken[node]!, tokenCount: plan.tokenCount[node]! };
  if (kind === NodeKind.slice) return { kind: "slice", sentence, segment: level, ...rows };
  if (kind === NodeKind.attention) return { kind: "attention", sentence, layer: level, ...rows };
  if (kind === NodeKind.sliceGradient) return { kind: "slice-gradient", sentence, segment: level, ...rows };
  if (kind === NodeKind.attentionGradient)
    return { kind: "attention-gradient", sentence, layer: level, ...rows };
  invariant(kind === NodeKind.weightGradient, "a join is no task");
  return { kind: "weight-gradient", share: shareOfNode(plan, node), segment: level };
}

/** The share of a weight gradient. */
export function shareOfNode(plan: Plan, node: number): number {
  return node - gradientBlock(plan.numbering, plan.layers, plan.level[node]!).weights;
}

/** The node of a task, or undefined where the plan has no such task: every field is checked. */
export function nodeOf(plan: Plan, task: Task): number | undefined {
  const { numbering, layers } = plan;
  switch (task.kind) {
    case "slice":
      if (!isIndex(task.segment, layers + 1)) return undefined;
      return sliceNode(plan, task, task.segment * numbering.nodesPerLayer);
    case "attention": {
      if (!isIndex(task.layer, layers)) return undefined;
      const block =
        task.layer * numbering.nodesPerLayer + numbering.slicesPerSegment + numbering.joinsPerLayer;
      return plan.attentionGrain === "sentence"
        ? sentenceNode(plan, task, block)
        : sliceNode(plan, task, block);
    }
    case "slice-gradient":
      if (!plan.shareOf || !isIndex(task.segment, layers + 1)) return undefined;
      return sliceNode(plan, task, gradientBlock(numbering, layers, task.segment).slices);
    case "attention-gradient":
      if (!plan.shareOf || !isIndex(task.layer, layers)) return undefined;
      return sentenceNode(plan, task, gradientBlock(numbering, layers, task.layer + 1).attention);
    case "weight-gradient":
      if (!isIndex(task.segment, layers + 1) || !isIndex(task.share, numbering.shares)) return undefined;
      return gradientBlock(numbering, layers, task.segment).weights + task.share;
    default:
      // A trace may come from a file and hold anything.
      task satisfies never;
      return undefined;
  }
}

/** The node of the same slice in the block of slice nodes that begins at `block`. */
function sliceNode(plan: Plan, task: SentenceTask, block: number): number | undefined {
  if (!isIndex(task.sentence, plan.lengths.length)) return undefined;
  const { sliceStart } = plan.numbering;
  const first = sliceStart[task.sentence]!;
  const within = task.firstToken / plan.sliceTokens;
  if (!isIndex(within, sliceStart[task.sentence + 1]! - first)) return undefined;
  const node = block + first + within;
  const matches = plan.firstToken[node] === task.firstToken && plan.tokenCount[node] === task.tokenCount;
  return matches ? node : undefined;
}

/** The node of the same sentence in a block of sentence nodes. */
function sentenceNode(plan: Plan, task: SentenceTask, block: number): number | undefined {
  if (!isIndex(task.sentence, plan.lengths.length) || task.firstToken !== 0) return undefined;
  return plan.lengths[task.sentence] === task.tokenCount ? block + task.sentence : undefined;
}

function isIndex(value: number, count: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < count;
}
