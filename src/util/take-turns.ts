// Measures things against each other on a machine whose speed changes.

/**
 * The results of each of `runs`, one per round. The runs take turns, in alternating direction, so that a slow moment affects
 * all of them. `onTurn` is called before each turn with the part that is done, from 0 to 1.
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

/** The milliseconds that each of `acts` took in every round, measured by `takeTurns`. */
export async function timeInTurns(
  acts: readonly (() => Promise<unknown>)[],
  rounds: number,
  onTurn: (part: number) => void,
): Promise<number[][]> {
  const runs = acts.map((act) => async () => timed(act));
  return takeTurns(runs, rounds, onTurn);
}

/** The milliseconds until `act` resolves. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await act();
  return performance.now() - beganMs;
}
