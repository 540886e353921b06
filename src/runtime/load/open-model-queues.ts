// Opens the queues that a model is loaded on and finds its kernels: as many queues as asked for, or as are worth it.
import { DeviceError } from "../../errors.js";
import { openQueues, type OpenQueuesOptions } from "../../gpu/open-queues.js";
import type { Queue } from "../../gpu/queue.js";
import type { ChosenKernels } from "../../tuning/choose.js";
import { activationOf } from "../../layers/activation.js";
import { elementTypeOf } from "../../model/pipelines.js";
import { measureQueueGain } from "../../tuning/queue-gain.js";
import type { QueueGain } from "../../plan/vocabulary.js";
import { isRecord } from "../../util/json-value.js";
import { recall, remember } from "../../tuning/remembered.js";
import { isTuned, shapeKey, tuneKernels, type TuneTarget } from "../../tuning/tune.js";
import type { LoadOptions } from "./load-options.js";

/** A second queue must bring this gain for small or for large work to be worth a second copy of the weights. */
const WORTHWHILE = 1.1;

export interface ModelQueues {
  readonly queues: readonly Queue[];
  readonly kernels: ChosenKernels;
  /** Undefined if it was not measured. */
  readonly gain: QueueGain | undefined;
}

export interface ModelQueuesOptions {
  readonly count: number | "auto";
  /** Whether memory allows a second copy of the weights. */
  readonly mayBeTwo: boolean;
  readonly target: TuneTarget;
  readonly load: LoadOptions;
}

/** Throws what `openQueues` and `tuneKernels` throw. No queue is left open then. */
export async function openModelQueues(options: ModelQueuesOptions): Promise<ModelQueues> {
  const { count, target, load } = options;
  const { model, format, arithmetic } = target;
  const open: OpenQueuesOptions = {
    gpu: load.gpu,
    count: count === "auto" ? 1 : count,
    maxBindingBytes: load.maxBindingBytes,
    signal: load.signal,
  };
  const queues = await openQueues(open);
  try {
    const first = queues[0]!;
    if (arithmetic === "f16") checkHalfArithmetic(first);
    const kernels = await tuneKernels(first, target, load);
    const isOpen = count === "auto" ? options.mayBeTwo : count > 1;
    if (!isOpen || !isTuned(first, load)) return { queues, kernels, gain: undefined };

    const key = `weft.queues ${arithmetic} ${shapeKey(first, model.shape, elementTypeOf(first, format))}`;
    let gain = recall(key, isGain);
    if (count === "auto" && !(gain && !isWorthwhile(gain)))
      queues.push(...(await openQueues({ ...open, first: 1 })));
    if (!gain) {
      gain = await measureQueueGain([first, queues[1]!], model.shape, {
        choice: kernels.choice,
        activation: activationOf[model.config.activation],
        element: elementTypeOf(first, format),
        signal: load.signal,
      });
      remember(key, gain);
    }
    if (count === "auto" && !isWorthwhile(gain)) for (const unused of queues.splice(1)) unused.dispose();
    return { queues, kernels, gain };
  } catch (error) {
    const failure = queues.find((queue) => queue.failure)?.failure;
    for (const queue of queues) queue.dispose();
    throw failure ?? error;
  }
}

const isWorthwhile = ({ small, large }: QueueGain): boolean => Math.max(small, large) >= WORTHWHILE;

const isGain = (value: unknown): value is QueueGain =>
  isRecord(value) && ["small", "large"].every((work) => typeof value[work] === "number" && value[work] > 0);

function checkHalfArithmetic({ adapter }: Queue): void {
  if (adapter.hasShaderF16) return;
  throw new DeviceError({
    reason: "limit",
    problem: `The adapter ${adapter.description} does not compute in f16 (it has no shader-f16)`,
    remedy: 'Load with arithmetic "f32"; weights "f16" need no shader-f16, and halve the memory too.',
  });
}
