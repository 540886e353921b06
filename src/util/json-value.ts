// Small questions about values parsed from JSON.

/** Whether `value` is a JSON object (not an array, not null). */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `value` as JSON for a message, cut to 60 characters; "nothing" where the key is absent. */
export function showJson(value: unknown): string {
  const text = value === undefined ? "nothing" : stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** JSON nested thousands deep can be read, but not written. */
function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return `${Array.isArray(value) ? "an array" : "an object"} that is nested too deeply to be shown`;
  }
}
