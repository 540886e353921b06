// Says which steps of a program share a dispatch in the forward pass and in generation. What passes from one of them to the next is
// then not stored, but the bits are those of step by step, as training computes them. Knows no GPU.
import type { Program, ProgramGate, ProgramLinear, ProgramRotary, ProgramStep, Value } from "./program.js";

/** One dispatch. */
export type FusedStep =
  /** A step by itself. */
  | { readonly kind: "step"; readonly step: ProgramStep }
  /** Queries, keys and values, and how they are taken apart. */
  | { readonly kind: "attentionInputs"; readonly linear: ProgramLinear; readonly rotary: ProgramRotary }
  /** Gates and ups, and their product. */
  | { readonly kind: "gated"; readonly linear: ProgramLinear; readonly gate: ProgramGate };

export interface FusedProgram {
  /** The dispatches of each segment, in order. */
  readonly segments: readonly (readonly FusedStep[])[];
  /** The values that they write, and those of attention. */
  readonly values: readonly Value[];
}

export function fuseProgram({ segments, attention, final, values }: Program): FusedProgram {
  const readers = countReaders(segments.flatMap(({ steps }) => steps));
  for (const { query, keyValue, output } of attention)
    for (const value of [query, keyValue, output]) readers.set(value, 1 + (readers.get(value) ?? 0));
  readers.set(final, 1 + (readers.get(final) ?? 0));
  /** Whether one step reads `value`, and nothing else does. */
  const isReadOnce = (value: Value): boolean => readers.get(value) === 1;
  const unwritten = new Set<Value>();
  const fused = segments.map(({ steps }) => {
    const result: FusedStep[] = [];
    for (let at = 0; at < steps.length; at++) {
      const [own, next] = [steps[at]!, steps[at + 1]];
      const pair = isPlainLinear(own) ? fusePair(own, next, isReadOnce) : undefined;
      result.push(pair ?? { kind: "step", step: own });
      if (!pair) continue;
      unwritten.add(pair.linear.output);
      at++;
    }
    return result;
  });
  return { segments: fused, values: values.filter((value) => !unwritten.has(value)) };
}

type Pair = Exclude<FusedStep, { readonly kind: "step" }>;

function fusePair(
  linear: ProgramLinear,
  next: ProgramStep | undefined,
  isReadOnce: (value: Value) => boolean,
): Pair | undefined {
  const { output } = linear;
  if (next && "queries" in next) {
    const isAll = next.queries === output && next.keys === output && next.values === output;
    return isAll && isReadOnce(output) ? { kind: "attentionInputs", linear, rotary: next } : undefined;
  }
  if (next && isGate(next))
    return next.input === output && isReadOnce(output) ? { kind: "gated", linear, gate: next } : undefined;
  return undefined;
}

/** A product and its bias, and nothing else. */
const isPlainLinear = (own: ProgramStep): own is ProgramLinear =>
  own.step.kind === "linear" && !own.step.activates && !own.step.adds;

const isGate = (own: ProgramStep): own is ProgramGate => own.step.kind === "gate";

/** How many steps read each value. */
function countReaders(steps: readonly ProgramStep[]): Map<Value, number> {
  const readers = new Map<Value, number>();
  for (const step of steps)
    for (const value of inputsOf(step)) readers.set(value, 1 + (readers.get(value) ?? 0));
  return readers;
}

function inputsOf(own: ProgramStep): ReadonlySet<Value> {
  if ("queries" in own) return new Set([own.queries, own.keys, own.values]);
  if (!("input" in own)) return new Set();
  return new Set(own.before ? [own.input, own.before] : [own.input]);
}
