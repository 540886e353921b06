// How fast a queue works: learned from every submission, to say how long the next one will take before it is encoded.
import type { SubmissionLimits } from "./submission.js";

/** Before anything was seen: a millisecond per million multiply-adds, as on a slow adapter, and a tenth per stage. */
const FIRST_MS_PER_COST = 1;
const FIRST_MS_PER_STAGE = 0.1;

/** The part of an error that one submission corrects, and how far it may go: a stall is no measure of speed. */
const LEARNED = 0.5;
const MOST_CHANGE = 4;

/**
 * A submission this long hides behind it that its successor is asked for late: a browser says up to 3 ms late that work
 * is done. Longer ones would only make others wait.
 */
export const ENOUGH_MS = 8;

/** A submission takes `msPerStage` for each of its stages, and `msPerCost` for what the cost model counts. */
export class Pace {
  #msPerCost = FIRST_MS_PER_COST;
  #msPerStage = FIRST_MS_PER_STAGE;

  get msPerCost(): number {
    return this.#msPerCost;
  }

  get msPerStage(): number {
    return this.#msPerStage;
  }

  /**
   * Learns that `stages` stages of cost `cost` together took `elapsedMs`. Each rate answers for the error by its part in
   * what was expected (a normalised least-mean-squares step), so that submissions of one kind do not spoil the other rate.
   */
  observe(cost: number, stages: number, elapsedMs: number): void {
    const ofCost = this.#msPerCost * cost;
    const ofStages = this.#msPerStage * stages;
    if (!(elapsedMs > 0 && ofCost + ofStages > 0)) return;
    const step = (LEARNED * (elapsedMs - ofCost - ofStages)) / (ofCost ** 2 + ofStages ** 2);
    this.#msPerCost *= bounded(1 + step * ofCost);
    this.#msPerStage *= bounded(1 + step * ofStages);
  }

  /** For a submission that is expected to take enough, but no more than `mostMs`. */
  limits(mostMs: number): SubmissionLimits {
    return {
      mostCost: mostMs / this.#msPerCost,
      enoughCost: ENOUGH_MS / this.#msPerCost,
      stageCost: this.#msPerStage / this.#msPerCost,
    };
  }
}

const bounded = (factor: number): number => Math.min(MOST_CHANGE, Math.max(1 / MOST_CHANGE, factor));
