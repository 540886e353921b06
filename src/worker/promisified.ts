// The API that a class has behind a worker, derived from the class, so that the two cannot drift apart.
import type { TrainingRun } from "../index.js";

/** What can be returned before the worker has replied: promises, iterations, a function that stops something, nothing. */
type Deferred = PromiseLike<unknown> | AsyncIterable<unknown> | (() => void) | void;

/**
 * A class as it is behind a worker: what it returns at once becomes a promise. Another class cannot have TrainingRun's private
 * members, so only the public ones are required.
 */
export type Promisified<T> = {
  [Member in keyof T]: T[Member] extends (...args: infer Arguments) => infer Result
    ? [Result] extends [TrainingRun]
      ? (...args: Arguments) => Pick<TrainingRun, keyof TrainingRun>
      : [Result] extends [Deferred]
        ? T[Member]
        : (...args: Arguments) => Promise<Result>
    : T[Member];
};
