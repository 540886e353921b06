// Renders chat templates of @huggingface/jinja with bounds: a template of a stranger may loop or grow without an end, and a thread
// can't stop itself.
import { Environment, Interpreter, Template } from "@huggingface/jinja";

/** Expressions and statements that are evaluated. A conversation of a thousand messages takes some hundred thousand. */
const MOST_STEPS = 5_000_000;
/** Characters of any text on the way. A context of a million tokens has about as many. */
const MOST_CHARACTERS = 4 * 2 ** 20;
/** Numbers that all calls of range() give together. */
const MOST_NUMBERS = 100_000;

/** @throws Error for a template that is none, that fails, or that exceeds the bounds. */
export function renderBounded(template: string, variables: Readonly<Record<string, unknown>>): string {
  const parsed = new Template(template);
  let steps = 0;
  // The interpreter is the library's own, and takes no bounds. Rendering is done before anything else runs.
  // oxlint-disable-next-line typescript/unbound-method -- called with its interpreter below, and put back
  const { evaluate } = Interpreter.prototype;
  const own = new Environment();
  own.set("range", boundedRange());
  Interpreter.prototype.evaluate = function bounded(...step: Parameters<typeof evaluate>) {
    if (steps === 0) for (const [name, value] of own.variables) this.global.variables.set(name, value);
    if (++steps > MOST_STEPS) throw new Error(`the template takes more than ${MOST_STEPS} steps`);
    const result = evaluate.apply(this, step);
    const { value } = result as { readonly value: unknown };
    if (typeof value === "string" && value.length > MOST_CHARACTERS)
      throw new Error(`the template makes a text of more than ${MOST_CHARACTERS} characters`);
    return result;
  };
  try {
    return parsed.render(variables);
  } finally {
    Interpreter.prototype.evaluate = evaluate;
  }
}

/** Python's range, for as many numbers as are left. */
function boundedRange(): (start: number, stop?: number, step?: number) => number[] {
  let left = MOST_NUMBERS;
  return (first, last, step = 1) => {
    const [start, stop] = typeof last === "number" ? [first, last] : [0, first];
    if (step === 0) throw new Error("range() step must not be zero");
    const count = Math.max(0, Math.ceil((stop - start) / step));
    left -= count;
    if (!(left >= 0)) throw new Error(`the template asks range() for more than ${MOST_NUMBERS} numbers`);
    return Array.from({ length: count }, (_, index) => start + index * step);
  };
}
