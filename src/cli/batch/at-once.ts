// Runs jobs for the items of a stream, so many at once, and holds no more of them than these.

/**
 * Ends when all jobs have. The first that fails ends the others by their signal, and is thrown. So does `signal`, when it aborts:
 * then nothing more is begun, and nothing is thrown.
 */
export async function forEachAtOnce<T>(
  items: AsyncIterable<T>,
  most: number,
  signal: AbortSignal,
  job: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failing = new AbortController();
  const own = AbortSignal.any([signal, failing.signal]);
  const iterator = items[Symbol.asyncIterator]();
  const lane = async (): Promise<void> => {
    try {
      while (!own.aborted) {
        const next = await iterator.next();
        if (next.done || own.aborted) return;
        await job(next.value, own);
      }
    } catch (error) {
      // Later ones may be what the first has ended.
      failing.abort(error);
    }
  };
  await Promise.all(Array.from({ length: most }, lane));
  await iterator.return?.();
  if (failing.signal.aborted && !signal.aborted) throw failing.signal.reason as Error;
}
