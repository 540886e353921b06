// A file without its first bytes, for places that can only be read from the beginning.
import type { OpenFile } from "./model-folder.js";

/** Reads `file` from byte `from` on. What is before is read and thrown away. */
export function skipBytes(file: OpenFile, from: number): OpenFile {
  let left = from;
  return {
    sizeBytes: file.sizeBytes === undefined ? undefined : Math.max(0, file.sizeBytes - from),
    async read() {
      for (;;) {
        const chunk = await file.read();
        if (!chunk || left === 0) return chunk;
        const own = chunk.subarray(left);
        left -= chunk.length - own.length;
        if (own.length > 0) return own;
      }
    },
    close: () => file.close(),
  };
}
