// How fast a queue works: learned from every submission, to predict how long the next one will take.
import type { SubmissionLimits } from "./submission.js";

/** Assumed at first: a millisecond per million multiply-adds, as on a slow adapter, and a tenth of one per stage. */
const FIRST_MS_PER_COST = 1;
const FIRST_MS_PER_STAGE = 0.1;

/** The part of an error that one submission corrects, and a bound for it, because a stall says nothing about speed. */
const LEARNED = 0.5;
const MOST_CHANGE = 4;

/**
 * The usual length of a submission. A browser reports up to 3 ms late that work is done; this is long enough for the next
 * submission to be there in time. Longer ones would only make other calls wait.
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
   * Learns that `stages` stages, with a total cost of `cost`, took `elapsedMs`. Each rate is corrected in proportion to its
   * part of the prediction (a normalised least-mean-squares step), so submissions of one kind do not spoil the other rate.
   */
  observe(cost: number, stages: number, elapsedMs: number): void {
    const ofCost = this.#msPerCost * cost;
    const ofStages = this.#msPerStage * stages;
    if (!(elapsedMs > 0 && ofCost + ofStages > 0)) return;
    const step = (LEARNED * (elapsedMs - ofCost - ofStages)) / (ofCost ** 2 + ofStages ** 2);
    this.#msPerCost *= bounded(1 + step * ofCost);
    this.#msPerStage *= bounded(1 + step * ofStages);
  }

  /** Limits for a submission that should take ENOUGH_MS, and at most `mostMs`. */
  limits(mostMs: number): SubmissionLimits {
    return {
      mostCost: mostMs / this.#msPerCost,
      enoughCost: ENOUGH_MS / this.#msPerCost,
      stageCost: this.#msPerStage / this.#msPerCost,
    };
  }
}

const bounded = (factor: number): number => Math.min(MOST_CHANGE, Math.max(1 / MOST_CHANGE, factor));
