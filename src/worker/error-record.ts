// Turns errors into records that can be posted, and back into errors of the same classes.
import * as classes from "../errors.js";

/** An error, or whatever else was thrown, as it is posted. */
export type ErrorRecord =
  | {
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly cause: ErrorRecord | undefined;
      /** The fields of weft's own errors: `reason`, `partial` and so on. */
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly thrown: string };

/** The classes by the `name` of their errors. */
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
  // A constructor would build the message from details, which are not in the record.
  Object.setPrototypeOf(error, classOf.get(name) ?? Error.prototype);
  return Object.assign(error, { name, stack }, fields);
}
