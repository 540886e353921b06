// The signals that ask a program to end: Ctrl-C, what service managers and containers send, and a terminal that is closed.
import { constants } from "node:os";

export const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof endingSignals)[number];

/** The exit status that shells expect of a program ended by `signal`. */
export function exitStatus(signal: EndingSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Returns a signal that aborts when this process is asked to end, and calls `onInterrupt` then. Without `onInterrupt` it never
 * aborts, and this process ends. The listeners stay: npm may send a second signal, which must not interrupt what the first began.
 */
export function watchInterruption(onInterrupt: ((signal: EndingSignal) => void) | undefined): AbortSignal {
  const interruption = new AbortController();
  if (onInterrupt)
    for (const name of endingSignals)
      process.on(name, () => {
        interruption.abort();
        onInterrupt(name);
      });
  return interruption.signal;
}

export interface Ending {
  /** The program is asked to end, */
  readonly first: AbortSignal;
  /** and once more, at once. */
  readonly second: AbortSignal;
  /** What asked for the first. */
  readonly name: EndingSignal | undefined;
}

/** What npm and a terminal send at once is one request to end. */
const TOGETHER_MS = 1000;

/** For programs that end by themselves what they have begun. */
export function watchEnding(): Ending {
  const [first, second] = [new AbortController(), new AbortController()];
  let firstMs = 0;
  let asked: EndingSignal | undefined;
  for (const name of endingSignals)
    process.on(name, () => {
      if (!first.signal.aborted) {
        firstMs = performance.now();
        asked = name;
        first.abort();
      } else if (performance.now() - firstMs > TOGETHER_MS) second.abort();
    });
  return {
    first: first.signal,
    second: second.signal,
    get name() {
      return asked;
    },
  };
}
