// Picks one of several families for one place of a model: the fastest as measured, and on request one that was verified.
import { DeviceError, ShaderError } from "../errors.js";
import type { KernelVariant } from "../gpu/kernel.js";
import type { Pipeline } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import { SampleBuffers, type KernelSample } from "./kernel-sample.js";
import { tryKernel, type KernelTrial } from "./kernel-trial.js";

/** What was picked for one place, and why. JSON-serialisable. */
export interface KernelPick {
  readonly family: string;
  /** Of one dispatch on the model's shapes, by family: those that were measured. */
  readonly microseconds: Readonly<Record<string, number>>;
  /** Families that failed on this adapter, and how. */
  readonly dropped: Readonly<Record<string, string>>;
}

interface Named {
  readonly name: string;
}

/** A place of the model where one of several families computes. */
export interface KernelPlace<F extends Named, B extends string, P extends string> {
  readonly name: string;
  /** Families that fit the adapter. The first is what is presumed to be fast. */
  readonly candidates: readonly F[];
  readonly sample: KernelSample<B, P>;
  trial(): KernelTrial<B, P>;
  usesWorkgroupMemory(family: F): boolean;
  variantOf(family: F): KernelVariant<B, P>;
}

export interface PickOptions {
  /** Measure, beginning nothing but the first after this long. 0: do not. */
  readonly tuneMs: number;
  /** Figures of another time, which need no measuring. */
  readonly known: KernelPick["microseconds"] | undefined;
  /** Hold what is picked against float64. */
  readonly verify: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A family with workgroup memory so much slower than one without shows that the adapter has none that is fast. */
const HOPELESS = 4;

/** Adds to `report` a line for every family that was verified. Throws DeviceError ("wrong-results") when none passes. */
export async function pickKernel<F extends Named, B extends string, P extends string>(
  queue: Queue,
  place: KernelPlace<F, B, P>,
  options: PickOptions,
  report: string[],
): Promise<{ readonly family: F; readonly pick: KernelPick }> {
  const dropped: Record<string, string> = {};
  const { known, tuneMs } = options;
  const microseconds = known ?? (tuneMs > 0 ? await measure(queue, place, options, dropped) : {});
  const timeOf = ({ name }: F): number => microseconds[name] ?? Number.MAX_VALUE;
  for (const family of place.candidates.toSorted((a, b) => timeOf(a) - timeOf(b))) {
    if (family.name in dropped) continue;
    const problem = options.verify ? await verify(queue, place, family, report) : undefined;
    if (problem === undefined) return { family, pick: { family: family.name, microseconds, dropped } };
    dropped[family.name] = problem;
  }
  const failures = Object.entries(dropped).map(([name, problem]) => `${name}: ${problem}`);
  throw new DeviceError({
    reason: "wrong-results",
    problem: `No kernel for ${place.name} works on ${queue.adapter.description} (${failures.join("; ")})`,
    remedy: "Update the GPU's driver or the browser, or use another adapter; and please report this message.",
  });
}

async function measure<F extends Named, B extends string, P extends string>(
  queue: Queue,
  place: KernelPlace<F, B, P>,
  { tuneMs, signal }: PickOptions,
  dropped: Record<string, string>,
): Promise<Record<string, number>> {
  const microseconds: Record<string, number> = {};
  const endMs = performance.now() + tuneMs;
  const buffers = await SampleBuffers.create(queue, place.sample);
  let bestMs = Number.POSITIVE_INFINITY;
  let isMemorySlow = false;
  try {
    for (const family of place.candidates) {
      // The first is presumed to be used: it has all the time it takes.
      const isFirst = bestMs === Number.POSITIVE_INFINITY;
      const leftMs = isFirst ? Number.POSITIVE_INFINITY : endMs - performance.now();
      if (leftMs <= 0) break;
      const usesMemory = place.usesWorkgroupMemory(family);
      if (usesMemory && isMemorySlow) continue;
      const pipeline = await compileWithin(queue, place.variantOf(family), leftMs);
      if (pipeline === "late") break;
      if (pipeline instanceof ShaderError) {
        dropped[family.name] = firstLine(pipeline);
        continue;
      }
      const ms = await buffers.time(pipeline, bestMs, signal);
      microseconds[family.name] = Number((1000 * ms).toPrecision(4));
      isMemorySlow ||= usesMemory && ms > HOPELESS * bestMs;
      bestMs = Math.min(bestMs, ms);
    }
  } finally {
    buffers.dispose();
  }
  return microseconds;
}

/** Why the family is not fit for use here, or undefined. */
async function verify<F extends Named, B extends string, P extends string>(
  queue: Queue,
  place: KernelPlace<F, B, P>,
  family: F,
  report: string[],
): Promise<string | undefined> {
  const pipeline = await compileWithin(queue, place.variantOf(family), Number.POSITIVE_INFINITY);
  let problem: string | undefined;
  let figure = "";
  if (pipeline instanceof ShaderError) problem = firstLine(pipeline);
  else {
    const { passed, largestError } = await tryKernel(queue, pipeline as Pipeline<B, P>, place.trial());
    figure = `wrong by at most ${largestError.toExponential(1)}`;
    if (!passed) problem = figure;
  }
  report.push(
    `${place.name}, ${family.name}: ${problem === undefined ? `right, ${figure}` : `FAILED, ${problem}`}`,
  );
  return problem;
}

/** The pipeline, the error of its shader, or "late". A compilation that is late goes on, and is kept by the queue. */
async function compileWithin<B extends string, P extends string>(
  queue: Queue,
  variant: KernelVariant<B, P>,
  limitMs: number,
): Promise<Pipeline<B, P> | ShaderError | "late"> {
  const compiled = queue.guard(queue.pipelines.get(variant)).catch((error: unknown) => {
    if (error instanceof ShaderError) return error;
    throw error;
  });
  if (limitMs === Number.POSITIVE_INFINITY) return compiled;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), limitMs);
  });
  compiled.catch(() => undefined); // heard of where it is used, or by the queue's next user
  try {
    return await Promise.race([compiled, late]);
  } finally {
    clearTimeout(timer);
  }
}

const firstLine = ({ message }: Error): string => message.split("\n").slice(0, 2).join(" ");
