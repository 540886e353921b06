// Detects that a training run diverges: its numbers are not finite, or its losses are higher than in any healthy run.
import { TrainingError } from "../../errors.js";

/** A loss is too high from this many times the first loss, or that of a uniform guess if it is larger. */
const LOSS_FACTOR = 4;
/** A run diverges after this many such losses in a row, because a single one may be a batch of outliers. */
const STEPS_IN_A_ROW = 3;

/**
 * Watches the steps of a run. It has diverged if loss or gradient are not finite, or if the loss was more than four times
 * `max(first loss, ln V)` three steps in a row. A model that guesses uniformly has a loss of ln V; one that starts worse is
 * measured by its start, also after resuming. Training that works comes nowhere near either limit.
 */
export class DivergenceWatch {
  readonly #uniformLoss: number;
  #limit: number | undefined;
  #highLosses = 0;
  /** The last step that was judged. */
  #lastStep = 0;

  constructor(vocabulary: number) {
    this.#uniformLoss = Math.log(vocabulary);
  }

  /** Call it in every step before the update, with the loss in nats. A step that is taken again counts once. Throws TrainingError. */
  check(step: number, loss: number, gradientNorm: number): void {
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw new TrainingError({
        step,
        expected: "a finite loss and gradient",
        received: `loss ${loss} and gradient norm ${gradientNorm}`,
      });
    if (step <= this.#lastStep) return;
    this.#lastStep = step;
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
