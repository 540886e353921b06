// Lists the buffers of an arena: which rows a forward pass or a training step keeps on the GPU, and how wide they are.
import { mostSlabs } from "../../kernels/linear/weight-slabs.js";
import { weightOwners } from "../../kernels/linear/gradient.js";
import type { Place } from "../../families/recipe.js";
import type { GradientPlan } from "../gradients.js";
import type { Program, ProgramNorm, ProgramStep, Value } from "../program.js";
import type { ModelShape } from "../shape.js";

/** A buffer with a row per token. */
export interface RowBuffer {
  readonly name: string;
  readonly bytesPerRow: number;
}

/**
 * The buffers of a forward pass: one per place, which all layers write in turn. Keys and values have `keyValueBuffers` of them:
 * none if they are in the cache, one as a rule, or one per layer if attention of two layers may run at the same time.
 */
export function forwardRows(
  { values }: Pick<Program, "values">,
  keyValueBuffers: number,
): readonly RowBuffer[] {
  const vectorsOf = new Map<Place, number>();
  for (const { place, vectors } of values) vectorsOf.set(place, vectors);
  return [...vectorsOf].flatMap(([place, vectors]) =>
    place === "keyValue"
      ? Array.from({ length: keyValueBuffers }, (_, layer) => rowsOf(keyValueName(layer), vectors))
      : [rowsOf(place, vectors)],
  );
}

export const keyValueName = (layer: number): string => `keyValue-${layer}`;

/** Bytes per token, including what describes its row. */
export function bytesPerRow(rows: readonly RowBuffer[]): number {
  return rows.reduce((sum, { bytesPerRow: own }) => sum + own, ROW_INFO_BYTES);
}

/** Bytes of the four words that describe a row. See rows.ts. */
export const ROW_INFO_BYTES = 16;

/**
 * The buffers of a training step: the activations of every layer, and their gradients, so that weight gradients may be formed at
 * any later time. With `recompute`, only what halves of segments begin with is kept, and all layers share the other buffers.
 */
export function trainingRows(
  program: Program,
  gradients: GradientPlan,
  { heads }: ModelShape,
  recompute: boolean,
): readonly RowBuffer[] {
  const rows = new Map<string, RowBuffer>();
  const add = (name: string, vectors: number): void => {
    rows.set(name, rowsOf(name, vectors));
  };
  for (const value of program.values) add(activationName(value, recompute), value.vectors);
  for (const value of differentiated(program)) add(gradientName(value, gradients, recompute), value.vectors);
  for (const step of stepsOf(program))
    if (step.step.kind === "norm") {
      const own = step as ProgramNorm;
      add(normStatsName(own, recompute), own.normsPerRow / 2);
    }
  for (const { layer } of program.attention) add(attentionStatsName(layer, recompute), heads / 2);
  return [...rows.values()];
}

export function activationName({ name, layer, isKept }: Value, recompute: boolean): string {
  return nameIn(name, layer, recompute && !isKept);
}

export function gradientName(value: Value, gradients: GradientPlan, recompute: boolean): string {
  return nameIn(`d.${value.name}`, value.layer, recompute && gradients.mayShare(value));
}

/** Mean and scale of each norm of a row, for the gradients of the norm's weights. */
export function normStatsName({ step, layer }: ProgramNorm, recompute: boolean): string {
  return nameIn(`stats.${step.role}`, layer, recompute);
}

/** Log-sum-exp and δ of each row and head. */
export function attentionStatsName(layer: number, recompute: boolean): string {
  return nameIn("stats.attention", layer, recompute);
}

/** The most vec4s that partial sums of a weight and of a bias take, over slabs of up to `rows` rows. */
export function partialVectors(
  program: Program,
  rows: number,
): { readonly weight: number; readonly bias: number } {
  const most = { weight: 1, bias: 1 };
  const need = (summed: number, owners: number, weight: number, bias: number): void => {
    const slabs = mostSlabs(summed, owners);
    if (slabs <= 1) return;
    most.weight = Math.max(most.weight, slabs * weight);
    most.bias = Math.max(most.bias, slabs * bias);
  };
  for (const own of stepsOf(program)) {
    if (!("input" in own) || !("role" in own.step)) continue;
    const [K, N] = [own.input.vectors, own.output.vectors];
    if ("normVectors" in own) need(rows * own.normsPerRow, own.normVectors, own.normVectors, own.normVectors);
    else need(rows, weightOwners(K, N), 4 * K * N, N);
  }
  return most;
}

function stepsOf({ segments }: Program): readonly ProgramStep[] {
  return segments.flatMap(({ steps }) => steps);
}

/** The values that have a gradient: all but the outputs of activations, as gradients are formed of their inputs instead. */
function differentiated(program: Program): readonly Value[] {
  const activated = new Set(
    stepsOf(program).flatMap((own) => ("preActivation" in own && own.preActivation ? [own.output] : [])),
  );
  return program.values.filter((value) => !activated.has(value));
}

const nameIn = (name: string, layer: number | undefined, isShared: boolean): string =>
  layer === undefined || isShared ? name : `${name}-${layer}`;

const rowsOf = (name: string, vectors: number): RowBuffer => ({ name, bytesPerRow: 16 * vectors });
