// Measures whether two queues do more at once than one does alone, on linear layers of the model's own shapes.
import type { ElementType } from "../gpu/kernel.js";
import type { Queue } from "../gpu/queue.js";
import type { Activation } from "../kernels/linear/linear.js";
import { rowOutput } from "../kernels/linear/output.js";
import type { QueueGain } from "../plan/vocabulary.js";
import { throwIfAborted } from "../util/signal.js";
import type { ModelShape } from "../model/shape.js";
import { pickForRows, type KernelChoice } from "../kernels/by-rows.js";
import { SampleBuffers } from "./sample.js";
import { linearSample } from "./linear-sample.js";

/** The rows of a dispatch that leaves most of an adapter idle, and of one that fills it. */
const SMALL_ROWS = 4;
const LARGE_ROWS = 256;

/** How long one run must take alone: long in comparison to the 3 ms that a browser may take to notice its end. */
const LEAST_MS = 20;
const MOST_DISPATCHES = 2048;
const REPEATS = 3;

export interface QueueGainOptions {
  readonly choice: KernelChoice;
  readonly activation: Activation;
  readonly element: ElementType;
  readonly signal: AbortSignal | undefined;
}

/** Throws CancelledError when `signal` aborts. */
export async function measureQueueGain(
  queues: readonly [Queue, Queue],
  shape: ModelShape,
  options: QueueGainOptions,
): Promise<QueueGain> {
  return {
    small: await measureRows(queues, shape, SMALL_ROWS, options),
    large: await measureRows(queues, shape, LARGE_ROWS, options),
  };
}

async function measureRows(
  queues: readonly [Queue, Queue],
  { channelVectors, hiddenVectors }: ModelShape,
  rows: number,
  { choice, activation, element, signal }: QueueGainOptions,
): Promise<number> {
  const sample = linearSample(rows, channelVectors, hiddenVectors, element);
  const variant = pickForRows(choice.linear, rows).variant(activation, element, rowOutput);
  const buffers: SampleBuffers<keyof typeof sample.contents, keyof typeof sample.params>[] = [];
  try {
    for (const queue of queues) buffers.push(await SampleBuffers.create(queue, sample));
    const pipelines = await Promise.all(
      queues.map(async (queue) => [await queue.guard(queue.pipelines.get(variant))]),
    );
    const elapsedMs = async (count: number, dispatches: number): Promise<number> => {
      throwIfAborted(signal, "Loading the model");
      const beginMs = performance.now();
      await Promise.all(
        buffers.slice(0, count).map((own, index) => own.repeat(pipelines[index]!, dispatches)),
      );
      return performance.now() - beginMs;
    };
    // The first dispatch of a pipeline may compile it.
    await elapsedMs(2, 1);
    let dispatches = 1;
    while ((await elapsedMs(1, dispatches)) < LEAST_MS && dispatches < MOST_DISPATCHES) dispatches *= 2;
    const gains: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat++)
      gains.push((2 * (await elapsedMs(1, dispatches))) / (await elapsedMs(2, dispatches)));
    return gains.toSorted((a, b) => a - b)[(REPEATS - 1) / 2]!;
  } finally {
    for (const own of buffers) own.dispose();
  }
}
