// The dependency graph of one training step: the forward graph, its mirror, and a weight gradient per share and segment.
//   slice-gradient(s, L, i)    waits for  slice(s, L, i)
//   slice-gradient(s, l, i)    waits for  attention-gradient(s, l)
//   attention-gradient(s, l)   waits for  slice-gradient(s, l + 1, ·)     (the mirrored fence)
//   weight-gradient(h, l)      waits for  slice-gradient(s, l, ·) of every sentence s of share h
// Shares are fixed sets of sentences: which gradients are added together must not depend on the number of queues.
import { ArgumentError } from "../errors.js";
import { invariant } from "../util/invariant.js";
import { countShares, gradientBlock, numberNodes } from "./numbering.js";
import { buildPlan, NodeKind, reverseEdges, type Plan } from "./plan.js";
import { attentionGrainOf, type Fence } from "./vocabulary.js";

/** The plan of a training step. */
export interface TrainingPlan extends Plan {
  readonly shareOf: readonly number[];
}

export interface TrainingShape {
  /** Tokens of each sentence. */
  readonly lengths: readonly number[];
  /** The share of each sentence, in any order; shares are numbered 0, 1, … and none is empty. */
  readonly shareOf: readonly number[];
  readonly layers: number;
  readonly sliceTokens: number;
  /** The fence of the forward part. Gradients always have the mirrored sentence fence. Default: "sentence". */
  readonly fence?: Fence;
}

/** Builds the graph of a training step, forward and backward. */
export function buildTrainingPlan(shape: TrainingShape): TrainingPlan {
  const { lengths, shareOf, layers, sliceTokens, fence = "sentence" } = shape;
  checkShares(lengths, shareOf);
  const attentionGrain = attentionGrainOf(fence, "affine");
  const forward = buildPlan({ lengths, layers, sliceTokens, fence, attentionGrain });
  const numbering = numberNodes({ ...forward, shareOf });
  const kind = new Uint8Array(numbering.nodeCount);
  kind.set(forward.kind);
  const plan = {
    ...forward,
    shareOf,
    numbering,
    nodeCount: numbering.nodeCount,
    taskCount: numbering.nodeCount - forward.layers * numbering.joinsPerLayer - (layers + 1) * lengths.length,
    kind,
    sentence: extend(forward.sentence, numbering.nodeCount),
    level: extend(forward.level, numbering.nodeCount),
    firstToken: extend(forward.firstToken, numbering.nodeCount),
    tokenCount: extend(forward.tokenCount, numbering.nodeCount),
    dependencyStart: extend(forward.dependencyStart, numbering.nodeCount + 1),
    dependencies: extend(forward.dependencies, forward.dependencies.length + countEdges(forward)),
  };
  addGradients(plan);
  return { ...plan, ...reverseEdges(plan.dependencyStart, plan.dependencies) };
}

/** Tokens of each share: what its weight gradients read. */
export function tokensOfShares(lengths: readonly number[], shareOf: readonly number[]): number[] {
  const tokens = Array.from({ length: countShares(shareOf) }, () => 0);
  for (const [sentence, length] of lengths.entries()) tokens[shareOf[sentence]!]! += length;
  return tokens;
}

function extend(values: Int32Array, count: number): Int32Array {
  const extended = new Int32Array(count);
  extended.set(values);
  return extended;
}

/** A slice gradient waits for one node and is waited for by one join; a sentence counts in one weight gradient. */
function countEdges({ lengths, layers, numbering }: Plan): number {
  return (layers + 1) * (2 * numbering.slicesPerSegment + lengths.length) + layers * lengths.length;
}

type Writable = Omit<TrainingPlan, "dependentStart" | "dependents">;

function addGradients(plan: Writable): void {
  const { layers, numbering, lengths, shareOf, dependencies, dependencyStart } = plan;
  const { sliceStart } = numbering;
  const tokens = tokensOfShares(lengths, shareOf);
  let node = numbering.forwardNodes;
  let edge = dependencyStart[node]!;
  const endNode = (
    kind: number,
    sentence: number,
    level: number,
    firstToken: number,
    count: number,
  ): void => {
    plan.kind[node] = kind;
    plan.sentence[node] = sentence;
    plan.level[node] = level;
    plan.firstToken[node] = firstToken;
    plan.tokenCount[node] = count;
    dependencyStart[++node] = edge;
  };
  for (let segment = layers; segment >= 0; segment--) {
    const block = gradientBlock(numbering, layers, segment);
    const lossSlices = layers * numbering.nodesPerLayer;
    const attentionBefore = block.slices - lengths.length;
    for (let slice = 0, sentence = 0; slice < numbering.slicesPerSegment; slice++) {
      if (slice === sliceStart[sentence + 1]) sentence++;
      dependencies[edge++] = segment === layers ? lossSlices + slice : attentionBefore + sentence;
      const firstToken = (slice - sliceStart[sentence]!) * plan.sliceTokens;
      const count = Math.min(plan.sliceTokens, lengths[sentence]! - firstToken);
      endNode(NodeKind.sliceGradient, sentence, segment, firstToken, count);
    }
    for (const [sentence, length] of lengths.entries()) {
      for (let slice = sliceStart[sentence]!; slice < sliceStart[sentence + 1]!; slice++)
        dependencies[edge++] = block.slices + slice;
      endNode(NodeKind.join, sentence, segment, 0, length);
    }
    for (const [share, sentences] of sentencesOfShares(shareOf).entries()) {
      for (const sentence of sentences) dependencies[edge++] = block.joins + sentence;
      endNode(NodeKind.weightGradient, -1, segment, 0, tokens[share]!);
    }
    if (segment === 0) break;
    for (const [sentence, length] of lengths.entries()) {
      dependencies[edge++] = block.joins + sentence;
      endNode(NodeKind.attentionGradient, sentence, segment - 1, 0, length);
    }
  }
  invariant(
    node === numbering.nodeCount && edge === dependencies.length,
    "the plan's gradients were miscounted",
  );
}

/** The sentences of each share, in ascending order. */
function sentencesOfShares(shareOf: readonly number[]): number[][] {
  const sentences = Array.from({ length: countShares(shareOf) }, (): number[] => []);
  for (const [sentence, share] of shareOf.entries()) sentences[share]!.push(sentence);
  return sentences;
}

function checkShares(lengths: readonly number[], shareOf: readonly number[]): void {
  const argument = "shareOf";
  const remedy = "Number the shares 0, 1, … and give each sentence one of them.";
  if (shareOf.length !== lengths.length)
    throw new ArgumentError({
      argument,
      expected: `a share for each of ${lengths.length} sentences`,
      received: shareOf.length,
      remedy,
    });
  const present = new Set(shareOf);
  for (const [sentence, share] of shareOf.entries())
    // There are as many different numbers as shares, so if all are below that count, none is missing.
    if (!(Number.isInteger(share) && share >= 0 && share < present.size))
      throw new ArgumentError({
        argument: `${argument}[${sentence}]`,
        expected: `a whole number below the ${present.size} shares`,
        received: share,
        remedy,
      });
}
