// Compares a kernel's results on the user's adapter with float64 arithmetic, which reveals a driver that computes wrongly.
import type { Queue } from "../gpu/queue.js";
import { SampleBuffers, type KernelSample, type SampledKernel } from "./sample.js";

/** A sample with known results. */
export interface KernelTrial<B extends string, P extends string> extends KernelSample<B, P> {
  readonly output: B;
  /** The whole output, in float64. */
  readonly expected: Float64Array;
  /** How far a result may be from it. */
  readonly tolerance: number;
}

/** Values of trials are around 1 and sums are short, so float32 is wrong by about 1e-6. A broken kernel is wrong by far more. */
export const FLOAT32_TOLERANCE = 1e-4;

/** Returns the largest difference of a result from what is expected, and whether it is within the trial's tolerance. */
export async function tryKernel<B extends string, P extends string>(
  queue: Queue,
  kernel: SampledKernel<P>,
  trial: KernelTrial<B, P>,
): Promise<{ readonly passed: boolean; readonly largestError: number }> {
  const buffers = await SampleBuffers.create(queue, trial);
  try {
    const actual = await buffers.run(kernel, trial.output);
    let largestError = 0;
    for (const [index, value] of trial.expected.entries()) {
      const error = Math.abs(actual[index]! - value);
      // NaN counts as the largest error.
      largestError = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(largestError, error);
    }
    return { passed: largestError <= trial.tolerance, largestError };
  } finally {
    buffers.dispose();
  }
}
