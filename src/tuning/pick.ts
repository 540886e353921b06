// Picks one of several kernels for one place of a model: the fastest as measured, and on request one that was verified.
import { DeviceError, ShaderError } from "../errors.js";
import type { KernelVariant } from "../gpu/kernel.js";
import type { Queue } from "../gpu/queue.js";
import { SampleBuffers, type KernelSample, type SampledKernel } from "./sample.js";
import { tryKernel, type KernelTrial } from "./trial.js";

/** The kernel that was picked for one place, and why. JSON-serialisable. */
export interface KernelPick {
  readonly kernel: string;
  /** How long a dispatch on the model's shapes takes, for each kernel that was measured. */
  readonly microseconds: Readonly<Record<string, number>>;
  /** Kernels that failed on this adapter, and why. */
  readonly dropped: Readonly<Record<string, string>>;
  /** Kernels that there was no time to measure. One of them may be faster. The next load measures them. */
  readonly unmeasured: readonly string[];
}

/** What came of comparing a kernel with float64 arithmetic. JSON-serialisable. */
export interface VerifiedKernel {
  /** Where in the model it computes, in words. */
  readonly place: string;
  readonly kernel: string;
  readonly isRight: boolean;
  /** The largest difference of a result. Absent if there is no result, or one that is not finite. */
  readonly largestError?: number;
  /** Why it can't be used here, if it can't. */
  readonly problem?: string;
}

interface Named {
  readonly name: string;
}

/** A place of the model where one of several kernels computes. */
export interface KernelPlace<K extends Named, B extends string, P extends string> {
  readonly name: string;
  /** Kernels that fit the adapter. The first is presumed to be fast. */
  readonly candidates: readonly K[];
  readonly sample: KernelSample<B, P>;
  /** What a kernel has to compute rightly if it is verified, each with the dispatches that do. */
  readonly trials: readonly {
    trial(): Promise<KernelTrial<B, P>>;
    stagesOf(kernel: K): readonly KernelVariant<string, P>[];
  }[];
  usesWorkgroupMemory(kernel: K): boolean;
  /** The dispatches of a kernel, in order. */
  stagesOf(kernel: K): readonly KernelVariant<string, P>[];
}

export interface PickOptions {
  /** How long to measure what is not known. The first kernel is measured in any case. 0: measure nothing. */
  readonly tuneMs: number;
  /** The result of an earlier load. */
  readonly known: KernelPick | undefined;
  /** Compare the kernel that is picked with float64 arithmetic. */
  readonly verify: boolean;
  readonly signal: AbortSignal | undefined;
}

/** What `measure` fills in. */
interface Results {
  readonly microseconds: Record<string, number>;
  readonly dropped: Record<string, string>;
  readonly unmeasured: string[];
}

/** If a kernel with workgroup memory is this many times slower than one without, the adapter's workgroup memory is slow. */
const HOPELESS = 4;

/** Adds to `report` every kernel that was verified. Throws DeviceError ("wrong-results") when none passes. */
export async function pickKernel<K extends Named, B extends string, P extends string>(
  queue: Queue,
  place: KernelPlace<K, B, P>,
  options: PickOptions,
  report: VerifiedKernel[],
): Promise<{ readonly kernel: K; readonly pick: KernelPick }> {
  const dropped: Record<string, string> = {};
  const { known, tuneMs } = options;
  const microseconds: Record<string, number> = { ...known?.microseconds };
  const unmeasured: string[] = [];
  const isKnown = known?.unmeasured.length === 0;
  if (tuneMs > 0 && !isKnown) await measure(queue, place, options, { microseconds, dropped, unmeasured });
  const timeOf = ({ name }: K): number => microseconds[name] ?? Number.MAX_VALUE;
  for (const kernel of place.candidates.toSorted((a, b) => timeOf(a) - timeOf(b))) {
    if (kernel.name in dropped) continue;
    const problem = options.verify ? await verify(queue, place, kernel, report) : undefined;
    if (problem === undefined) {
      return { kernel, pick: { kernel: kernel.name, microseconds, dropped, unmeasured } };
    }
    dropped[kernel.name] = problem;
  }
  const failures = Object.entries(dropped).map(([name, problem]) => `${name}: ${problem}`);
  throw new DeviceError({
    reason: "wrong-results",
    problem: `No kernel for ${place.name} works on ${queue.adapter.description} (${failures.join("; ")})`,
    remedy: "Update the GPU's driver or the browser, or use another adapter; and please report this message.",
  });
}

/** Measures kernels that are not known yet, and adds to `results`. */
async function measure<K extends Named, B extends string, P extends string>(
  queue: Queue,
  place: KernelPlace<K, B, P>,
  { tuneMs, known, signal }: PickOptions,
  { microseconds, dropped, unmeasured }: Results,
): Promise<void> {
  const endMs = performance.now() + tuneMs;
  const buffers = await SampleBuffers.create(queue, place.sample);
  let bestMs = Math.min(...Object.values(microseconds)) / 1000;
  const isHopeless = (kernel: K): boolean =>
    place.usesWorkgroupMemory(kernel) && 0.001 * (microseconds[kernel.name] ?? 0) > HOPELESS * bestMs;
  let isMemorySlow = place.candidates.some(isHopeless);
  // The first has all the time it takes: it will probably be used, or an earlier load had no time for it.
  let isFirst = true;
  const isLate = (): boolean => !isFirst && performance.now() > endMs;
  try {
    for (const kernel of place.candidates) {
      if (known && !known.unmeasured.includes(kernel.name)) continue;
      if (isMemorySlow && place.usesWorkgroupMemory(kernel)) continue;
      // Wait for the compilation to end, because it would share the processor with what is measured next.
      const pipelines = isLate() ? undefined : await compile(queue, place.stagesOf(kernel));
      if (pipelines === undefined || isLate()) {
        unmeasured.push(kernel.name);
        continue;
      }
      isFirst = false;
      if (pipelines instanceof ShaderError) {
        dropped[kernel.name] = firstLine(pipelines);
        continue;
      }
      const ms = await buffers.time(pipelines, bestMs, signal);
      microseconds[kernel.name] = Number((1000 * ms).toPrecision(4));
      isMemorySlow ||= isHopeless(kernel);
      bestMs = Math.min(bestMs, ms);
    }
  } finally {
    buffers.dispose();
  }
}

/** Returns why the kernel cannot be used here, or undefined if it can. */
async function verify<K extends Named, B extends string, P extends string>(
  queue: Queue,
  place: KernelPlace<K, B, P>,
  kernel: K,
  report: VerifiedKernel[],
): Promise<string | undefined> {
  let problem: string | undefined;
  let worst: number | undefined;
  for (const own of place.trials) {
    const pipelines = await compile(queue, own.stagesOf(kernel));
    if (pipelines instanceof ShaderError) {
      problem = firstLine(pipelines);
      break;
    }
    const { passed, largestError } = await tryKernel(queue, pipelines, await own.trial());
    worst = Math.max(worst ?? 0, largestError);
    if (passed) continue;
    problem = describeError(worst);
    break;
  }
  report.push({
    place: place.name,
    kernel: kernel.name,
    isRight: problem === undefined,
    ...(Number.isFinite(worst) ? { largestError: worst! } : {}),
    ...(problem === undefined ? {} : { problem }),
  });
  return problem;
}

/** The error of a kernel in words. */
export const describeError = (largest: number): string => `wrong by at most ${largest.toExponential(1)}`;

/** Returns the pipelines, or the error of the shader. */
function compile<P extends string>(
  queue: Queue,
  stages: readonly KernelVariant<string, P>[],
): Promise<SampledKernel<P> | ShaderError> {
  const pipelines = Promise.all(stages.map((stage) => queue.pipelines.get(stage)));
  return queue.guard(pipelines).catch((error: unknown) => {
    if (error instanceof ShaderError) return error;
    throw error;
  });
}

const firstLine = ({ message }: Error): string => message.split("\n").slice(0, 2).join(" ");
