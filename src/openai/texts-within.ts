// Finds all texts of a part of a request, wherever a template may read them.

export interface FoundTexts {
  readonly texts: readonly string[];
  /** How many numbers there are: token ids. */
  readonly ids: number;
}

/** Words of the API, of which a template makes a few tokens at most. */
const notTexts: ReadonlySet<string> = new Set(["role", "type", "id", "tool_call_id"]);

/** The texts in lists and objects within `value`. */
export function textsWithin(value: unknown): FoundTexts {
  const texts: string[] = [];
  let ids = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const own = open.pop();
    if (typeof own === "string") texts.push(own);
    else if (typeof own === "number") ids++;
    else if (Array.isArray(own)) for (const item of own as unknown[]) open.push(item);
    else if (typeof own === "object" && own !== null)
      for (const [name, item] of Object.entries(own)) if (!notTexts.has(name)) open.push(item);
  }
  return { texts, ids };
}
