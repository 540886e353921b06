// The dependency graph of a forward pass, in typed arrays: 100,000s of nodes take milliseconds. training-plan.ts continues it.
//   slice(s, l, i)      waits for  attention(s, l − 1)      (all of it, or that of its own rows)
//   attention(s, l)     waits for  slice(s, l, ·)           (the sentence fence)
//   attention(s, l, i)  waits for  slice(s, l, 0…i)         (the prefix fence, causal models only)
// Pure: knows lengths, layers and slices; knows nothing of queues, time or the GPU.
import { checkWhole } from "../util/check.js";
import { invariant } from "../util/invariant.js";
import { numberNodes, type PlanNumbering, type PlanShape } from "./numbering.js";

/** What a node is. A join is no work: it stands for "all of these", so that the number of edges grows linearly. */
export const NodeKind = {
  slice: 0,
  attention: 1,
  join: 2,
  sliceGradient: 3,
  attentionGradient: 4,
  weightGradient: 5,
} as const;

/** Nodes are numbered in topological order: every dependency of a node has a smaller number. */
export interface Plan extends PlanShape {
  readonly nodeCount: number;
  /** Nodes that are work: all but the joins. */
  readonly taskCount: number;
  readonly numbering: PlanNumbering;
  readonly kind: Uint8Array;
  /** −1 for weight gradients. */
  readonly sentence: Int32Array;
  /** The segment of slices and weight gradients, the layer of attention; for a join, that of the nodes it joins. */
  readonly level: Int32Array;
  readonly firstToken: Int32Array;
  readonly tokenCount: Int32Array;
  /** Node n depends on dependencies[dependencyStart[n] … dependencyStart[n + 1] − 1]; likewise its dependents. */
  readonly dependencyStart: Int32Array;
  readonly dependencies: Int32Array;
  readonly dependentStart: Int32Array;
  readonly dependents: Int32Array;
}

/** Builds the graph of a forward pass. */
export function buildPlan(shape: Omit<PlanShape, "shareOf">): Plan {
  checkShape(shape);
  const numbering = numberNodes(shape);
  const nodes = describeNodes(shape, numbering);
  const { dependencyStart, dependencies } = connectNodes(shape, numbering);
  return {
    ...shape,
    numbering,
    nodeCount: numbering.nodeCount,
    taskCount: numbering.nodeCount - shape.layers * numbering.joinsPerLayer,
    ...nodes,
    dependencyStart,
    dependencies,
    ...reverseEdges(dependencyStart, dependencies),
  };
}

function describeNodes(
  shape: PlanShape,
  numbering: PlanNumbering,
): Pick<Plan, "kind" | "sentence" | "level" | "firstToken" | "tokenCount"> {
  const kind = new Uint8Array(numbering.nodeCount);
  const sentence = new Int32Array(numbering.nodeCount);
  const level = new Int32Array(numbering.nodeCount);
  const firstToken = new Int32Array(numbering.nodeCount);
  const tokenCount = new Int32Array(numbering.nodeCount);
  let node = 0;
  const add = (nodeKind: number, nodeLevel: number, whole: boolean): void => {
    for (const [index, length] of shape.lengths.entries()) {
      const grain = whole ? length : shape.sliceTokens;
      for (let first = 0; first < length; first += grain) {
        kind[node] = nodeKind;
        sentence[node] = index;
        level[node] = nodeLevel;
        firstToken[node] = first;
        tokenCount[node] = Math.min(grain, length - first);
        node++;
      }
    }
  };
  for (let layer = 0; layer < shape.layers; layer++) {
    add(NodeKind.slice, layer, false);
    add(NodeKind.join, layer, shape.fence === "sentence");
    add(NodeKind.attention, layer, shape.attentionGrain === "sentence");
  }
  add(NodeKind.slice, shape.layers, false);
  invariant(node === numbering.nodeCount, "the plan's numbering and its nodes disagree");
  return { kind, sentence, level, firstToken, tokenCount };
}

function connectNodes(
  shape: PlanShape,
  numbering: PlanNumbering,
): Pick<Plan, "dependencyStart" | "dependencies"> {
  const { sliceStart, nodesPerLayer, slicesPerSegment, joinsPerLayer, attentionPerLayer } = numbering;
  const sentences = shape.lengths.length;
  const prefix = shape.fence === "prefix";
  const joinEdges = prefix ? 2 * slicesPerSegment - sentences : slicesPerSegment;
  const dependencyStart = new Int32Array(numbering.nodeCount + 1);
  const dependencies = new Int32Array(shape.layers * (joinEdges + attentionPerLayer + slicesPerSegment));
  let node = 0;
  let edge = 0;
  const endNode = (): void => {
    dependencyStart[++node] = edge;
  };
  /** One node per sentence or per slice, each waiting for the node of the same sentence or slice in another block. */
  const follow = (block: number, wholeNodes: boolean, wholeBlock: boolean): void => {
    for (let sentence = 0; sentence < sentences; sentence++) {
      const first = sliceStart[sentence]!;
      const count = wholeNodes ? 1 : sliceStart[sentence + 1]! - first;
      for (let index = 0; index < count; index++) {
        dependencies[edge++] = block + (wholeBlock ? sentence : first + index);
        endNode();
      }
    }
  };
  for (let slice = 0; slice < slicesPerSegment; slice++) endNode();
  for (let layer = 0; layer < shape.layers; layer++) {
    const slices = layer * nodesPerLayer;
    const joins = slices + slicesPerSegment;
    const attention = joins + joinsPerLayer;
    for (let sentence = 0; sentence < sentences; sentence++) {
      const first = sliceStart[sentence]!;
      const end = sliceStart[sentence + 1]!;
      for (let slice = first; slice < end; slice++) {
        if (prefix && slice > first) dependencies[edge++] = joins + slice - 1;
        dependencies[edge++] = slices + slice;
        if (prefix) endNode();
      }
      if (!prefix) endNode();
    }
    follow(joins, shape.attentionGrain === "sentence", !prefix);
    follow(attention, false, shape.attentionGrain === "sentence");
  }
  invariant(node === numbering.nodeCount && edge === dependencies.length, "the plan's edges were miscounted");
  return { dependencyStart, dependencies };
}

/** The same edges, grouped by the node that others wait for. */
export function reverseEdges(
  dependencyStart: Int32Array,
  dependencies: Int32Array,
): Pick<Plan, "dependentStart" | "dependents"> {
  const nodeCount = dependencyStart.length - 1;
  const dependentStart = new Int32Array(nodeCount + 1);
  for (const dependency of dependencies) dependentStart[dependency + 1]!++;
  for (let node = 0; node < nodeCount; node++) dependentStart[node + 1]! += dependentStart[node]!;
  const dependents = new Int32Array(dependencies.length);
  const cursor = dependentStart.slice();
  for (let node = 0; node < nodeCount; node++)
    for (let edge = dependencyStart[node]!; edge < dependencyStart[node + 1]!; edge++)
      dependents[cursor[dependencies[edge]!]!++] = node;
  return { dependentStart, dependents };
}

function checkShape({ lengths, layers, sliceTokens, fence, attentionGrain }: PlanShape): void {
  const remedy = "Leave empty sentences out of the batch.";
  for (const [sentence, length] of lengths.entries())
    checkWhole(`lengths[${sentence}]`, length, 0, { least: 1, remedy });
  checkWhole("sliceTokens", sliceTokens, 0, { least: 1 });
  checkWhole("layers", layers, 0, { least: 0 });
  invariant(
    fence === "sentence" || attentionGrain === "slice",
    "a prefix fence opens per slice: its attention is per slice too",
  );
}
