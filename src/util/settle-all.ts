// Waits for several promises at once; none of them is still running afterwards.

/** Waits for all promises, also when one rejects, and then throws the first rejection in their order. */
export async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === "rejected") throw result.reason as Error;
}
