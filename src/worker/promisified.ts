// The API of a class on another thread, derived from the class, so that the two cannot drift apart.
import type { TrainingRun } from "../index.js";

/** What can be handed out before the other thread has answered: promises, iterations, a way to stop, nothing. */
type Deferred = PromiseLike<unknown> | AsyncIterable<unknown> | (() => void) | void;

/**
 * A class as it is behind a worker: what it answers at once is a promise there. A TrainingRun has private parts, so that
 * another class can only have its public ones.
 */
export type Promisified<T> = {
  [Member in keyof T]: T[Member] extends (...args: infer Arguments) => infer Answer
    ? [Answer] extends [TrainingRun]
      ? (...args: Arguments) => Pick<TrainingRun, keyof TrainingRun>
      : [Answer] extends [Deferred]
        ? T[Member]
        : (...args: Arguments) => Promise<Answer>
    : T[Member];
};
