// A condition that holds unless weft itself is wrong.

/** Throws when `condition` is false: a defect of weft, never of the caller's input. */
export function invariant(condition: unknown, text: string): asserts condition {
  if (!condition) throw new Error(`weft internal error: ${text}. Please report it.`);
}
