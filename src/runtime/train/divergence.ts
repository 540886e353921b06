// When a training run has left the rails: numbers that are none, or losses that no healthy run has.
import { TrainingError } from "../../errors.js";

/** How many times the larger of the first loss and a uniform guess's is too much. */
const LOSS_FACTOR = 4;
/** Steps in a row with such a loss: one alone may be a batch of outliers. */
const STEPS_IN_A_ROW = 3;

/**
 * Watches the steps of a run. It has diverged when loss or gradient are no finite numbers, and when the loss was more than
 * four times `max(first loss, ln V)` in three steps in a row. A model that guesses uniformly has a loss of ln V, and one that
 * starts from worse is measured by its start, also after a resumption: training that works comes nowhere near either limit.
 */
export class DivergenceWatch {
  readonly #uniformLoss: number;
  #limit: number | undefined;
  #highLosses = 0;

  constructor(vocabulary: number) {
    this.#uniformLoss = Math.log(vocabulary);
  }

  /** To be called with every step, in nats, before its update. Throws TrainingError. */
  check(step: number, loss: number, gradientNorm: number): void {
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw new TrainingError({
        step,
        expected: "a finite loss and gradient",
        received: `loss ${loss} and gradient norm ${gradientNorm}`,
      });
    this.#limit ??= LOSS_FACTOR * Math.max(loss, this.#uniformLoss);
    this.#highLosses = loss > this.#limit ? this.#highLosses + 1 : 0;
    if (this.#highLosses < STEPS_IN_A_ROW) return;
    throw new TrainingError({
      step,
      expected: `a loss of at most ${this.#limit.toPrecision(3)} at least once in ${STEPS_IN_A_ROW} steps`,
      received: `loss ${loss.toPrecision(3)}: the run diverges`,
    });
  }
}
