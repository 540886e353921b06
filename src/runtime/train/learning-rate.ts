// Learning rates over the steps of a training run.

/** How the learning rate changes. Every schedule begins with a linear warm-up. */
export interface LearningRateSchedule {
  /** The highest rate. */
  readonly peak: number;
  /** Steps over which the rate rises from 0 to the peak. Default: 0. */
  readonly warmupSteps?: number;
  /** "constant" stays at the peak; "cosine" and "linear" fall to `final` at the last step. Default: "cosine". */
  readonly decay?: "constant" | "cosine" | "linear";
  /** The rate at the last step. Default: a tenth of the peak. */
  readonly final?: number;
}

export const decays: readonly NonNullable<LearningRateSchedule["decay"]>[] = ["constant", "cosine", "linear"];

/** The rate of step `step`, from 1 to `steps`. */
export function learningRate(schedule: LearningRateSchedule, step: number, steps: number): number {
  const { peak, warmupSteps = 0, decay = "cosine", final = peak / 10 } = schedule;
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  const progress = steps > warmupSteps ? Math.min(1, (step - warmupSteps) / (steps - warmupSteps)) : 1;
  switch (decay) {
    case "constant":
      return peak;
    case "linear":
      return peak + (final - peak) * progress;
    case "cosine":
      return final + 0.5 * (peak - final) * (1 + Math.cos(Math.PI * progress));
    default:
      return decay satisfies never;
  }
}
