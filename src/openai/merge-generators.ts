// Several asynchronous generators as one, in the order in which they give something.

/** What one of the generators gave, or returned at its end. */
export type Merged<T, R> =
  | { readonly index: number; readonly value: T; readonly isEnd: false }
  | { readonly index: number; readonly value: R; readonly isEnd: true };

/**
 * Runs all of them at once, whether or not anybody asks for more, and yields what they give. The first that throws ends it with its
 * error. `onEnd` is called when all of them have ended. Leaving the loop does not end them: that is for who has made them.
 */
export async function* mergeGenerators<T, R>(
  sources: readonly AsyncGenerator<T, R, undefined>[],
  onEnd: () => void,
): AsyncGenerator<Merged<T, R>, void, undefined> {
  const given: Merged<T, R>[] = [];
  const state: { running: number; failure?: { readonly error: unknown } } = { running: sources.length };
  let wake: (() => void) | undefined;
  const run = async (source: AsyncGenerator<T, R, undefined>, index: number): Promise<void> => {
    try {
      for (;;) {
        const step = await source.next();
        if (step.done) {
          given.push({ index, value: step.value, isEnd: true });
          break;
        }
        given.push({ index, value: step.value, isEnd: false });
        wake?.();
      }
    } catch (error) {
      state.failure ??= { error };
    }
    state.running--;
    if (state.running === 0) onEnd();
    wake?.();
  };
  for (const [index, source] of sources.entries()) void run(source, index);
  for (let next = 0; ; next++) {
    while (next >= given.length && !state.failure && state.running > 0)
      await new Promise<void>((resolve) => (wake = resolve));
    if (state.failure) throw state.failure.error;
    if (next >= given.length) return;
    yield given[next]!;
  }
}
