// The errors of calls that must fail.

/** The error that `promise` is rejected with. Fails if it is fulfilled. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error> {
  const reason: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (reason === undefined) throw new Error("expected a rejection, the promise was fulfilled");
  if (!(reason instanceof Error)) throw new Error("expected an Error", { cause: reason });
  return reason;
}

/** The error of each rejected promise, and undefined for each fulfilled one. */
export async function outcomes(promises: readonly Promise<unknown>[]): Promise<(Error | undefined)[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => (result.status === "rejected" ? (result.reason as Error) : undefined));
}
