// Measuring things against each other on a machine that is not equally fast all the time.

/**
 * What each of `runs` gives in every round. They take turns, and the turns change direction, so that a slow moment hits all
 * alike. `onTurn` hears before each which part of all is done.
 */
export async function takeTurns<R>(
  runs: readonly (() => Promise<R>)[],
  rounds: number,
  onTurn: (part: number) => void,
): Promise<R[][]> {
  const results = runs.map((): R[] => []);
  const order = [...runs.entries()];
  let turns = 0;
  for (let round = 0; round < rounds; round++)
    for (const [index, run] of round % 2 === 0 ? order : order.toReversed()) {
      onTurn(turns++ / (rounds * runs.length));
      results[index]!.push(await run());
    }
  return results;
}

/** Milliseconds of each of `acts` in every round, as `takeTurns` does them. */
export async function timeInTurns(
  acts: readonly (() => Promise<unknown>)[],
  rounds: number,
  onTurn: (part: number) => void,
): Promise<number[][]> {
  const runs = acts.map((act) => async () => timed(act));
  return takeTurns(runs, rounds, onTurn);
}

/** Milliseconds until what `act` does is done. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await act();
  return performance.now() - beganMs;
}
