// What a call that must fail fails with.

/** What `promise` is rejected with; fails when it is fulfilled. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const reason: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (reason === undefined) throw new Error("expected a rejection, the promise was fulfilled");
  if (!(reason instanceof Error)) throw new Error("expected an Error", { cause: reason });
  return reason;
}

/** What each rejected promise is rejected with, and undefined for a fulfilled one. */
export async function outcomes(promises: readonly Promise<unknown>[]): Promise<(Error | undefined)[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => (result.status === "rejected" ? (result.reason as Error) : undefined));
}
