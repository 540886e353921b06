// Finds what can be handed over to another thread rather than be copied.

/** Every buffer behind a typed array in plain data, once. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = (part: unknown): void => {
    if (ArrayBuffer.isView(part)) {
      if (part.buffer instanceof ArrayBuffer) found.add(part.buffer);
    } else if (typeof part === "object" && part !== null) for (const item of Object.values(part)) visit(item);
  };
  visit(value);
  return [...found];
}
