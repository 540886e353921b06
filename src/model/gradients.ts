// Plans how gradients flow back through a program: which contribution to a value's gradient comes first and sets it, and which
// are added. Knows no GPU.
import { invariant } from "../util/invariant.js";
import type { Program, ProgramFlow, Value } from "./program.js";

/** How the gradient of a step's output becomes a contribution to that of its input. */
export interface GradientFlow {
  /** The value whose gradient equals the output's: the output itself, or what additions to the residual stream make of it. */
  readonly source: Value;
  /** Whether the contribution is added to the gradient, rather than setting it. */
  readonly adds: boolean;
  /** The gradient that is copied there first: an addition to the residual stream passes its gradient on unchanged. */
  readonly copiedFrom: Value | undefined;
}

export interface GradientPlan {
  readonly flowOf: (step: ProgramFlow) => GradientFlow;
  /** Values whose gradient is only added to, so it must be zero at the start. */
  readonly zeroed: readonly Value[];
  /**
   * Whether all layers may use one buffer for the gradients of values of that name, one after the other. This holds if the
   * backward pass ends a segment, including its weights, before it begins the segment in front of it.
   */
  readonly mayShare: (value: Value) => boolean;
}

/** Walks the program backward, as training does. */
export function planGradients({ segments, attention, final }: Program): GradientPlan {
  const flows = new Map<ProgramFlow, GradientFlow>();
  const begun = new Set<Value>([final]);
  const zeroed = new Set<Value>([final]);
  /** For a value of the residual stream, what the next addition makes of it. Their gradients are the same. */
  const becomes = new Map<Value, Value>();
  const activated = new Set<Value>();
  for (const { steps } of segments)
    for (const step of steps) {
      if ("before" in step && step.before) becomes.set(step.before, step.output);
      // The derivative of an activation is taken by the linear layer that reads it.
      if ("preActivation" in step && step.preActivation) activated.add(step.output);
      else if ("input" in step && step.step.kind !== "linear")
        invariant(
          !activated.has(step.input),
          `no ${step.step.kind} has a gradient for the activation "${step.input.name}"`,
        );
    }
  const sourceOf = (value: Value): Value => {
    let source = value;
    while (!begun.has(source) && becomes.has(source)) source = becomes.get(source)!;
    return source;
  };
  /** Values whose gradient was passed on already, so nothing may be added to it any more. */
  const passed = new Set<Value>();
  const begin = (value: Value): Omit<GradientFlow, "source"> => {
    invariant(!passed.has(value), `the gradient of "${value.name}" was used before it was whole`);
    if (begun.has(value)) return { adds: true, copiedFrom: undefined };
    const source = sourceOf(value);
    for (let own = becomes.get(value); own && own !== source; own = becomes.get(own)) passed.add(own);
    begun.add(value);
    if (source !== value) return { adds: true, copiedFrom: source };
    return { adds: false, copiedFrom: undefined };
  };
  for (let segment = segments.length - 1; segment >= 0; segment--) {
    // The gradient of attention sets these. It comes before the gradients of the segment in front of it.
    const own = attention[segment];
    if (own) for (const value of [own.query, own.keyValue]) begun.add(value);
    for (const step of segments[segment]!.steps.toReversed()) {
      if ("queries" in step) {
        // It sets all that it passes on.
        for (const value of new Set([step.queries, step.keys, step.values])) {
          invariant(!begun.has(value), `"${value.name}" is read elsewhere than where it is turned`);
          begun.add(value);
        }
      }
      if (!("input" in step)) continue;
      const flow = { source: sourceOf(step.output), ...begin(step.input) };
      invariant(step.step.kind !== "gate" || !flow.adds, "the gradient of a gate is set, never added to");
      flows.set(step, flow);
    }
  }
  const flowOf = (step: ProgramFlow): GradientFlow => flows.get(step)!;
  const unshared = findOverlaps({ segments, attention }, flowOf);
  return { flowOf, zeroed: [...zeroed], mayShare: ({ name }) => !unshared.has(name) };
}

/** Names of values whose gradient in one layer is still used when that of the layer before it is written. */
function findOverlaps(
  { segments, attention }: Pick<Program, "segments" | "attention">,
  flowOf: GradientPlan["flowOf"],
): ReadonlySet<string> {
  let time = 0;
  const firstWrite = new Map<Value, number>();
  const lastUse = new Map<Value, number>();
  const write = (value: Value): void => {
    if (!firstWrite.has(value)) firstWrite.set(value, time);
  };
  const use = (value: Value | undefined): void => {
    if (value) lastUse.set(value, time);
  };
  for (let segment = segments.length - 1; segment >= 0; segment--) {
    const own = attention[segment];
    if (own) {
      time++;
      use(own.output);
      for (const value of [own.query, own.keyValue]) write(value);
    }
    const steps = segments[segment]!.steps.toReversed().filter((step) => step.step.kind !== "lookUp");
    const sourceOf = (step: ProgramFlow): Value =>
      ("preActivation" in step ? step.preActivation : undefined) ?? flowOf(step).source;
    for (const step of steps) {
      time++;
      if ("queries" in step) {
        for (const value of [step.output, step.keyValue]) use(value);
        for (const value of [step.queries, step.keys, step.values]) write(value);
      }
      if (!("input" in step)) continue;
      use(sourceOf(step));
      use(flowOf(step).copiedFrom);
      write(("inputPreActivation" in step ? step.inputPreActivation : undefined) ?? step.input);
    }
    // The gradients of the segment's weights.
    time++;
    for (const step of steps) if ("input" in step) use(sourceOf(step));
  }
  const overlapping = new Set<string>();
  const earlier = new Map<string, Value>();
  for (const value of [...firstWrite.keys()].toSorted((a, b) => firstWrite.get(a)! - firstWrite.get(b)!)) {
    const before = earlier.get(value.name);
    if (before && lastUse.get(before)! >= firstWrite.get(value)!) overlapping.add(value.name);
    earlier.set(value.name, value);
  }
  return overlapping;
}
