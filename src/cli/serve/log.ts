// What the server writes about itself: lines for people, or JSON for programs. Nothing of what was asked or answered is in them.
import type { RequestRecord } from "../../openai/index.js";
import { printable } from "../terminal/printable.js";

/** What happened, by its name and what is known of it. */
export interface ServerEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

export class Log {
  readonly #isJson: boolean;
  readonly #write: (line: string) => void;

  constructor(isJson: boolean, write: (line: string) => void) {
    this.#isJson = isJson;
    this.#write = write;
  }

  /** `words`: for people. */
  add(event: ServerEvent, words: string): void {
    this.#write(
      this.#isJson ? JSON.stringify({ time: new Date().toISOString(), ...event }) : printable(words),
    );
  }

  /** A request that is over. */
  addRequest({ error, ...record }: RequestRecord): void {
    const problem = error ? { error: error.name, problem: error.message } : {};
    this.add({ event: "request", ...rounded(record), ...problem }, describe(record, error));
  }
}

function describe(
  { method, path, status, model, promptTokens, completionTokens, totalMs }: Omit<RequestRecord, "error">,
  error: Error | undefined,
): string {
  const tokens = promptTokens === undefined ? [] : [`${promptTokens} + ${completionTokens ?? 0} tokens`];
  const parts = [...(model === undefined ? [] : [model]), ...tokens, `${(totalMs / 1000).toFixed(2)} s`];
  return `${method} ${path} ${status}  ${parts.join(", ")}${error ? `: ${error.message}` : ""}`;
}

/** Times in tenths of milliseconds. */
function rounded(record: Omit<RequestRecord, "error">): object {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      typeof value === "number" && name.endsWith("Ms") ? Math.round(10 * value) / 10 : (value as unknown),
    ]),
  );
}
