// Says which steps of a program share a dispatch in the forward pass and in generation. The bits are those of step by step, as training
// computes them. Knows no GPU.
import { normLanes } from "../kernels/norm/norm.js";
import type {
  Program,
  ProgramGate,
  ProgramLinear,
  ProgramNorm,
  ProgramRotary,
  ProgramScale,
  ProgramStep,
  Value,
} from "./program.js";

/** One dispatch. */
export type FusedStep =
  | ProductStep
  /** A norm of whole rows and the product that reads it. A dispatch for few rows, two for many. */
  | { readonly kind: "normedProduct"; readonly norm: ProgramNorm; readonly product: ProductStep };

/** One dispatch, whose input may be normalised within it if it begins with a product. */
export type ProductStep =
  /** A step by itself. */
  | { readonly kind: "step"; readonly step: ProgramStep }
  /** Queries, keys and values, and how they are taken apart. */
  | { readonly kind: "attentionInputs"; readonly linear: ProgramLinear; readonly rotary: ProgramRotary }
  /** Norms of queries and of keys, and how they are taken apart. */
  | {
      readonly kind: "normedRotary";
      readonly query: ProgramNorm;
      readonly key: ProgramNorm;
      readonly rotary: ProgramRotary;
    }
  /** Gates and ups, and their product. */
  | { readonly kind: "gated"; readonly linear: ProgramLinear; readonly gate: ProgramGate }
  /** A product, and the multiple of it that is added. */
  | { readonly kind: "scaledLinear"; readonly linear: ProgramLinear; readonly scale: ProgramScale }
  /** A norm that is added, and the norm of the sum. */
  | { readonly kind: "addedNorm"; readonly norm: ProgramNorm; readonly next: ProgramNorm };

export interface FusedProgram {
  /** The dispatches of each segment, in order. */
  readonly segments: readonly (readonly FusedStep[])[];
  /** The values that they write, and those of attention. */
  readonly values: readonly Value[];
}

/** Whether one step reads a value, and nothing else does: then it need not be stored. */
type IsPassed = (value: Value) => boolean;

export function fuseProgram(program: Program): FusedProgram {
  const readers = countReaders(program);
  const isPassed: IsPassed = (value) => readers.get(value) === 1;
  const segments = program.segments.map(({ steps }) => {
    const fused: FusedStep[] = [];
    for (let at = 0; at < steps.length;) {
      const own = fuseNorm(steps.slice(at, at + 4), isPassed);
      fused.push(own);
      at += stepsOf(own).length;
    }
    return fused;
  });
  const unwritten = new Set(segments.flat().flatMap(passedValues));
  return { segments, values: program.values.filter((value) => !unwritten.has(value)) };
}

/** The dispatches of each segment: a norm and the product that reads it are one where the product's kernel can be both. */
export const dispatchesOf = (
  { segments }: FusedProgram,
  normsWithin: ReadonlySet<ProductStep["kind"]>,
): readonly (readonly FusedStep[])[] =>
  segments.map((steps) =>
    steps.flatMap((own) =>
      own.kind !== "normedProduct" || normsWithin.has(own.product.kind)
        ? [own]
        : [{ kind: "step", step: own.norm } as const, own.product],
    ),
  );

/** The steps of a dispatch, in order. */
export function stepsOf(own: FusedStep): readonly ProgramStep[] {
  switch (own.kind) {
    case "step":
      return [own.step];
    case "attentionInputs":
      return [own.linear, own.rotary];
    case "normedRotary":
      return [own.query, own.key, own.rotary];
    case "gated":
      return [own.linear, own.gate];
    case "scaledLinear":
      return [own.linear, own.scale];
    case "addedNorm":
      return [own.norm, own.next];
    case "normedProduct":
      return [own.norm, ...stepsOf(own.product)];
    default:
      return own satisfies never;
  }
}

/** What passes from one step of a dispatch to the next and is not stored. The sum of an added norm is stored, as it is read on. */
function passedValues(own: FusedStep): readonly Value[] {
  if (own.kind === "normedProduct") return passedValues(own.product);
  if (own.kind === "addedNorm") return [];
  return stepsOf(own)
    .slice(0, -1)
    .map(({ output }) => output);
}

/** The product's linear layer, if it is one. */
export function linearOf(own: ProductStep): ProgramLinear | undefined {
  if ("linear" in own) return own.linear;
  return own.kind === "step" && own.step.step.kind === "linear" ? (own.step as ProgramLinear) : undefined;
}

/** The dispatch that the first of these steps begins, which may be a norm. */
function fuseNorm([first, ...others]: readonly ProgramStep[], isPassed: IsPassed): FusedStep {
  const alone = fuseFirst([first!, ...others.slice(0, 2)], isPassed);
  if (alone.kind !== "step" || others.length === 0 || !isWholeNorm(first!) || !isPassed(first.output))
    return alone;
  const product = fuseFirst(others, isPassed);
  if (linearOf(product)?.input !== first.output || product.kind === "scaledLinear") return alone;
  // One dispatch must not read the buffer that it writes.
  const { step } = stepsOf(product).at(-1)!;
  return "to" in step && step.to === first.step.from
    ? alone
    : { kind: "normedProduct", norm: first, product };
}

/** The dispatch that the first of these steps begins. */
function fuseFirst([first, second, third]: readonly ProgramStep[], isPassed: IsPassed): ProductStep {
  const alone = { kind: "step", step: first! } as const;
  if (!second) return alone;
  if (isPlainLinear(first!)) return fuseLinear(first, second, isPassed) ?? alone;
  if (!isPlainNorm(first!)) return alone;
  if (third && isPlainNorm(second) && "queries" in third && areNormsOf(first, second, third, isPassed))
    return { kind: "normedRotary", query: first, key: second, rotary: third };
  const isApart = "to" in second.step && first.step.from !== second.step.to;
  if (isPlainNorm(second) && isApart && first.step.adds && !second.step.adds && second.input === first.output)
    return isWhole(first) && isWhole(second) ? { kind: "addedNorm", norm: first, next: second } : alone;
  return alone;
}

function fuseLinear(linear: ProgramLinear, next: ProgramStep, isPassed: IsPassed): ProductStep | undefined {
  const { output } = linear;
  if (!isPassed(output)) return undefined;
  if ("queries" in next) {
    const isAll = [next.queries, next.keys, next.values].every((value) => value === output);
    return isAll ? { kind: "attentionInputs", linear, rotary: next } : undefined;
  }
  if (!("input" in next) || next.input !== output) return undefined;
  // One dispatch must not read the buffer that it writes.
  if (next.step.to === linear.step.from) return undefined;
  if (isGate(next)) return { kind: "gated", linear, gate: next };
  if (isScale(next) && next.step.adds) return { kind: "scaledLinear", linear, scale: next };
  return undefined;
}

/** Whether these are the norms of all queries and of all keys that are then taken apart, and one kernel has the lanes for both. */
function areNormsOf(
  query: ProgramNorm,
  key: ProgramNorm,
  { queries, keys, values }: ProgramRotary,
  isPassed: IsPassed,
): boolean {
  const isOf = (own: ProgramNorm, offset: number, output: Value): boolean =>
    own.input === values &&
    own.output === output &&
    !own.step.adds &&
    own.inputOffset === offset &&
    own.normsPerRow * own.normVectors === output.vectors &&
    isPassed(output);
  return (
    isOf(query, 0, queries) &&
    isOf(key, queries.vectors, keys) &&
    query.step.gainOffset === key.step.gainOffset &&
    normLanes(query.normVectors) === normLanes(key.normVectors)
  );
}

/** A product and its bias, and nothing else. */
const isPlainLinear = (own: ProgramStep): own is ProgramLinear =>
  own.step.kind === "linear" && !own.step.activates && !own.step.adds;

/** By the mean square, without a bias. */
const isPlainNorm = (own: ProgramStep): own is ProgramNorm =>
  own.step.kind === "norm" && own.step.method === "rms" && own.step.bias === "never";

const isWholeNorm = (own: ProgramStep): own is ProgramNorm =>
  own.step.kind === "norm" && !own.step.adds && own.step.over === undefined && own.step.behind === undefined;

const isWhole = ({ normVectors, input, output }: ProgramNorm): boolean =>
  normVectors === input.vectors && normVectors === output.vectors;

const isGate = (own: ProgramStep): own is ProgramGate => own.step.kind === "gate";

const isScale = (own: ProgramStep): own is ProgramScale => own.step.kind === "scale";

/** How many steps read each value, attention and what reads the last rows included. */
function countReaders({ segments, attention, final }: Program): ReadonlyMap<Value, number> {
  const readers = new Map<Value, number>();
  const read = (value: Value): void => {
    readers.set(value, 1 + (readers.get(value) ?? 0));
  };
  for (const { steps } of segments) for (const step of steps) for (const value of inputsOf(step)) read(value);
  for (const { query, keyValue } of attention) for (const value of [query, keyValue]) read(value);
  read(final);
  return readers;
}

function inputsOf(own: ProgramStep): ReadonlySet<Value> {
  if ("queries" in own) return new Set([own.queries, own.keys, own.values]);
  if (!("input" in own)) return new Set();
  return new Set(own.before ? [own.input, own.before] : [own.input]);
}
