// The same sentences three ways, on the model and queue of the page: as weft runs them, one after another, and padded to
// the longest as a runtime that takes rectangles must. In turns, as no machine is equally fast all the time.
import type { Model } from "../index.js";

export interface Racer {
  readonly name: string;
  readonly note: string;
  /** Of real tokens, at the median of the rounds. */
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
      run: async () => void (await model.forward(sentences, options)),
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
      run: async () => void (await model.forward(padded, options)),
    },
  ];
  const times = racers.map((): number[] => []);
  // The first round warms up.
  for (let round = 0; round <= rounds; round++)
    for (const [index, { run }] of racers.entries()) {
      onRound((round * racers.length + index) / ((rounds + 1) * racers.length));
      const beganMs = performance.now();
      await run();
      if (round > 0) times[index]!.push(performance.now() - beganMs);
    }
  return racers.map(({ name, note }, index) => {
    const median = times[index]!.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!;
    return { name, note, tokensPerSecond: (1000 * tokens) / median };
  });
}
