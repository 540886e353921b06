// Finds the buffers in a message that can be transferred to another thread instead of copied.

/** Every buffer behind a typed array in `value`, which is plain data. Each buffer once. */
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
