// The signals that ask a program to end: Ctrl-C, what service managers and containers send, and a terminal that is closed.
import { constants } from "node:os";

export const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof endingSignals)[number];

/** The exit status that shells expect of a program ended by `signal`. */
export function exitStatus(signal: EndingSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Calls `listener` for every such signal, until this process ends: npm may send a second signal, which must not interrupt what
 * the first one began.
 */
export function onEndingSignal(listener: (signal: EndingSignal) => void): void {
  for (const signal of endingSignals) process.on(signal, listener);
}
