// Checks of values that callers pass: numbers in a range, and one of several words. Every failure says what was expected
// and what came. Knows nothing of models; what a sentence may be is checked where models are.
import { ArgumentError } from "../errors.js";

/** Whole numbers from `least` to `most`, both included. Without `most`, to the largest that is exact. */
export interface WholeRange {
  readonly least: number;
  readonly most?: number;
  readonly multipleOf?: number;
}

/** Numbers from `least` to `most`. Without `most`, every finite one. */
export interface RealRange {
  readonly least: number;
  readonly most?: number;
  /** Whether `least` itself is excluded. */
  readonly isAbove?: boolean;
}

/** What to do about a value out of range, where the range does not say it. */
interface Advice {
  readonly remedy?: string;
}

export function isWholeIn(value: unknown, { least, most, multipleOf = 1 }: WholeRange): value is number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return false;
  return value >= least && value <= (most ?? Infinity) && value % multipleOf === 0;
}

export function isRealIn(value: unknown, { least, most, isAbove = false }: RealRange): value is number {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return (isAbove ? value > least : value >= least) && value <= (most ?? Infinity);
}

/** "a whole number from 1 to 8" */
export function describeWhole({ least, most, multipleOf = 1 }: WholeRange): string {
  const noun = multipleOf === 1 ? "a whole number" : `a multiple of ${multipleOf}`;
  return most === undefined ? `${noun} of at least ${least}` : `${noun} from ${least} to ${most}`;
}

/** "a number above 0, at most 1" */
export function describeReal({ least, most, isAbove = false }: RealRange): string {
  if (isAbove) return `a number above ${least}${most === undefined ? "" : `, at most ${most}`}`;
  return most === undefined ? `a number of at least ${least}` : `a number from ${least} to ${most}`;
}

/** A whole number in the range, or `missing` when undefined. */
export function checkWhole<Missing extends number | undefined>(
  argument: string,
  value: number | undefined,
  missing: Missing,
  range: WholeRange & Advice,
): number | Missing {
  if (value === undefined) return missing;
  if (isWholeIn(value, range)) return value;
  throw outOfRange(argument, describeWhole(range), value, range);
}

/** As `checkWhole`, or "auto". */
export function checkWholeOrAuto(
  argument: string,
  value: number | "auto" | undefined,
  missing: number | "auto",
  range: WholeRange & Advice,
): number | "auto" {
  if (value === undefined) return missing;
  if (value === "auto" || isWholeIn(value, range)) return value;
  const { remedy } = range;
  const auto = '"auto" leaves it to what was measured.';
  throw outOfRange(argument, describeWhole(range), value, {
    remedy: remedy === undefined ? auto : `${remedy} ${auto}`,
  });
}

/** A number in the range, or `missing` when undefined. */
export function checkReal<Missing extends number | undefined>(
  argument: string,
  value: number | undefined,
  missing: Missing,
  range: RealRange & Advice,
): number | Missing {
  if (value === undefined) return missing;
  if (isRealIn(value, range)) return value;
  throw outOfRange(argument, describeReal(range), value, range);
}

/** A text. */
export function checkText(argument: string, value: string): string {
  if (typeof value === "string") return value;
  throw outOfRange(argument, "a text", value, {});
}

/** One of `choices`, or `missing` when undefined. */
export function checkChoice<Choice extends string>(
  argument: string,
  value: Choice | undefined,
  missing: Choice,
  choices: readonly Choice[],
): Choice {
  if (value === undefined) return missing;
  if (choices.includes(value)) return value;
  throw outOfRange(argument, `one of ${choices.join(", ")}`, value, {});
}

function outOfRange(
  argument: string,
  expected: string,
  received: unknown,
  { remedy }: Advice,
): ArgumentError {
  return new ArgumentError({ argument, expected, received, ...(remedy === undefined ? {} : { remedy }) });
}
