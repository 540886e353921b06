// Runs the same sentences in three ways, on the page's model and one queue: as weft runs them, one after another, and padded to
// the longest, as a runtime without ragged batches has to.
import type { Model } from "../index.js";
import { timeInTurns } from "../util/take-turns.js";

export interface Racer {
  readonly name: string;
  readonly note: string;
  /** Counts real tokens only, at the median of the rounds. */
  readonly tokensPerSecond: number;
}

const rounds = 3;

/** @throws CancelledError when `signal` aborts. */
export async function race(
  model: Model,
  texts: readonly string[],
  { signal, onRound }: { readonly signal: AbortSignal; readonly onRound: (part: number) => void },
): Promise<Racer[]> {
  const sentences = await Promise.all(texts.map((text) => model.encode(text)));
  const tokens = sentences.reduce((sum, { length }) => sum + length, 0);
  const longest = Math.max(...sentences.map(({ length }) => length));
  const padded = sentences.map((own) => [...own, ...Array<number>(longest - own.length).fill(0)]);
  const options = { queues: 1, signal };
  const racers = [
    {
      name: "weft",
      note: `one ragged batch of ${sentences.length}`,
      run: () => model.forward(sentences, options),
    },
    {
      name: "one after another",
      note: "each sentence by itself",
      run: async () => {
        for (const own of sentences) await model.forward([own], options);
      },
    },
    {
      name: "padded",
      note: `every sentence as long as the longest: ${((sentences.length * longest) / tokens).toFixed(1)} × the tokens`,
      run: () => model.forward(padded, options),
    },
  ];
  const times = await timeInTurns(
    racers.map(({ run }) => run),
    1 + rounds,
    onRound,
  );
  return racers.map(({ name, note }, index) => {
    const [, ...measured] = times[index]!; // the first round warms up
    const median = measured.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!;
    return { name, note, tokensPerSecond: (1000 * tokens) / median };
  });
}
