// A lock that a worker holds as long as it lives.

/** Holds a lock from now on, by which others know that this worker is there. Resolves when it is held. */
export async function holdLock(name: string): Promise<void> {
  const { locks } = (globalThis.navigator ?? {}) as { locks?: LockManager };
  if (!locks) return;
  await new Promise<void>((resolve) => {
    const held = new Promise<never>(() => undefined);
    // Where a page may have no locks, it does without.
    locks.request(name, () => (resolve(), held)).catch(() => resolve());
  });
}
