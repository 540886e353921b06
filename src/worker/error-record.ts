// Errors as records that can be posted, and back to errors of the same classes.
import * as classes from "../errors.js";

/** An error, or whatever else was thrown, as it crosses from thread to thread. */
export type ErrorRecord =
  | {
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly cause: ErrorRecord | undefined;
      /** Of weft's own errors: `reason`, `partial` and so on. */
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly thrown: string };

/** By the name that an error of each has. */
const classOf = new Map<string, object>(
  Object.entries(classes).map(([name, { prototype }]) => [name, prototype]),
);

export function recordError(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { thrown: String(error) };
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    cause: cause === undefined ? undefined : recordError(cause),
    fields: error instanceof classes.WeftError ? Object.fromEntries(Object.entries(error)) : {},
  };
}

export function errorOf(record: ErrorRecord): unknown {
  if ("thrown" in record) return record.thrown;
  const { name, message, stack, cause, fields } = record;
  const options = cause === undefined ? {} : { cause: errorOf(cause) };
  const error = new Error(message, options);
  // Not by its constructor: that builds the message from details, of which the message is all that is left.
  Object.setPrototypeOf(error, classOf.get(name) ?? Error.prototype);
  return Object.assign(error, { name, stack }, fields);
}
