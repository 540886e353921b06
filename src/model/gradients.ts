// How gradients flow back through a program: which contribution to the gradient of a value comes first and sets it, and which
// add to it. No GPU.
import { invariant } from "../util/invariant.js";
import type { Program, ProgramLinear, ProgramNorm, Value } from "./program.js";

/** How the gradient of a step's output becomes a contribution to that of its input. */
export interface GradientFlow {
  /** The value whose gradient is the output's: the output, or what it becomes by additions to the residual stream alone. */
  readonly source: Value;
  /** Added to what is there, instead of written. */
  readonly adds: boolean;
  /** Copied there before: the gradient of the residual stream behind the next addition, which passes through it. */
  readonly copiedFrom: Value | undefined;
}

export interface GradientPlan {
  flowOf(step: ProgramLinear | ProgramNorm): GradientFlow;
  /** Values whose gradient is only ever added to: it has to be zero before. */
  readonly zeroed: readonly Value[];
}

/** Walks the program backward, as training does. */
export function planGradients({ segments, attention, final }: Program): GradientPlan {
  const flows = new Map<ProgramLinear | ProgramNorm, GradientFlow>();
  const begun = new Set<Value>([final]);
  const zeroed = new Set<Value>([final]);
  /** By value of the residual stream, what the next addition makes of it: its gradient goes on to it unchanged. */
  const becomes = new Map<Value, Value>();
  for (const { steps } of segments)
    for (const step of steps) if ("before" in step && step.before) becomes.set(step.before, step.output);
  const sourceOf = (value: Value): Value => {
    let source = value;
    while (!begun.has(source) && becomes.has(source)) source = becomes.get(source)!;
    return source;
  };
  /** Values whose gradient was taken from behind them: nothing may add to it any more. */
  const passed = new Set<Value>();
  /** `canWrite`: the kernel that forms the contribution can write it as well as add it. */
  const begin = (value: Value, canWrite: boolean): Omit<GradientFlow, "source"> => {
    invariant(!passed.has(value), `the gradient of "${value.name}" was used before it was whole`);
    if (begun.has(value)) return { adds: true, copiedFrom: undefined };
    const source = sourceOf(value);
    for (let own = becomes.get(value); own && own !== source; own = becomes.get(own)) passed.add(own);
    begun.add(value);
    if (source !== value) return { adds: true, copiedFrom: source };
    if (canWrite) return { adds: false, copiedFrom: undefined };
    invariant(
      value.layer === undefined,
      `nothing sets the gradient of "${value.name}" before it is added to`,
    );
    zeroed.add(value);
    return { adds: true, copiedFrom: undefined };
  };
  for (let segment = segments.length - 1; segment >= 0; segment--) {
    // The gradient of attention, which comes before those of the segment in front of it, writes these.
    const own = attention[segment];
    if (own) for (const value of [own.query, own.keyValue]) begun.add(value);
    for (const step of segments[segment]!.steps.toReversed()) {
      if (!("input" in step)) continue;
      const source = sourceOf(step.output);
      // The kernel of a norm adds to the gradient of its input.
      flows.set(step, { source, ...begin(step.input, step.step.kind === "linear") });
    }
  }
  return { flowOf: (step) => flows.get(step)!, zeroed: [...zeroed] };
}
