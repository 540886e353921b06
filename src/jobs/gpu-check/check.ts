// Checks a GPU: verifies weft's kernels against float64, measures what the adapter reaches and what weft reaches of it, and says all
// of it in a report. What goes wrong is a part of the report, as reports are how weft learns of GPUs.
import { CancelledError, DeviceError, Model, type VerifiedKernel } from "../../index.js";
import type { Bounds } from "./bounds.js";
import { describeInfo, listFeatures, listLimits } from "./describe-gpu.js";
import { makeUpModel, smallShape, toParts, wholeShape } from "./made-up-model.js";
import { measureSpeed } from "./measure.js";
import {
  REPORT_FORMAT,
  REPORT_VERSION,
  type GpuReport,
  type ModelVerification,
  type SpeedReport,
} from "./report.js";
import { loadPart } from "../../util/load-part.js";
import { checkedFormats, verifyFormat } from "./verify.js";

export interface CheckOptions {
  /** The entry point to WebGPU: navigator.gpu, or that of the package "webgpu". */
  readonly gpu: GPU;
  /** The version of weft. */
  readonly version: string;
  /** The browser as it calls itself, or Node and Dawn. */
  readonly runtime: string;
  /** A small model and few repeats, to see that the check works: its figures mean nothing. */
  readonly isQuick?: boolean;
  readonly signal?: AbortSignal;
  /** Called with what is done, and the part of all that was done before, from 0 to 1. */
  readonly onProgress?: (words: string, part: number) => void;
}

const BOUNDS_METHOD =
  "wall time of submissions of at least 40 ms, the fastest of three; a buffer of at most 256 MB that is read, and chains of " +
  "multiply-adds in f32 in registers. They are what these kernels reach, not what a data sheet says";

/** @throws DeviceError ("no-adapter"), CancelledError. */
export async function checkGpu({
  gpu,
  version,
  runtime,
  isQuick = false,
  signal,
  onProgress = () => undefined,
}: CheckOptions): Promise<GpuReport> {
  const adapter = await requestAdapter(gpu);
  const kernels: VerifiedKernel[] = [];
  const models: ModelVerification[] = [];
  const problems: string[] = [];
  let verifiedFormats = 0;
  let isSoftware: boolean | null = null;
  for (const [index, format] of checkedFormats.entries()) {
    onProgress(`Verifying kernels with weights in ${format}`, (0.4 * index) / checkedFormats.length);
    const own = await orProblem(problems, `weights in ${format}`, verifyFormat(format, { gpu, signal }));
    if (!own) continue;
    verifiedFormats++;
    isSoftware = own.isSoftware;
    addKernels(kernels, own.kernels);
    if (own.model) models.push(own.model);
  }
  onProgress("Measuring what the adapter reaches", 0.4);
  const isSmall = isQuick || isSoftware !== false;
  // An adapter gives one device.
  // A file of its own, as it alone brings shaders that are not weft's.
  const { measureBounds } = await loadPart(import("./bounds.js"));
  const bounds = await measureBounds(await requestAdapter(gpu), { isSmall, signal });
  const timing = measure({ gpu, isSmall, isQuick, signal, bounds, kernels, onProgress });
  const speed = await orProblem(problems, "the model that is timed", timing);
  for (const { weights, isRight } of models)
    if (!isRight) problems.push(`a whole model with weights in ${weights} does not give what float64 does`);
  for (const { place, kernel, problem } of kernels)
    if (problem !== undefined) problems.push(`${place}, ${kernel}: ${problem}`);
  const isRight =
    verifiedFormats === checkedFormats.length && [...kernels, ...models].every((own) => own.isRight);
  return {
    format: REPORT_FORMAT,
    formatVersion: REPORT_VERSION,
    weft: version,
    date: new Date().toISOString(),
    runtime,
    adapter: describeInfo(adapter.info, isSoftware),
    features: listFeatures(adapter),
    limits: listLimits(adapter),
    verification: { isRight, kernels, models },
    bounds: { ...bounds, method: BOUNDS_METHOD },
    speed: speed ?? null,
    problems,
  };
}

interface SpeedOptions {
  readonly gpu: GPU;
  readonly isSmall: boolean;
  readonly isQuick: boolean;
  readonly signal: AbortSignal | undefined;
  readonly bounds: Bounds;
  /** Takes what is verified as the model is loaded. */
  readonly kernels: VerifiedKernel[];
  readonly onProgress: (words: string, part: number) => void;
}

async function measure({
  gpu,
  isSmall,
  isQuick,
  signal,
  bounds,
  kernels,
  onProgress,
}: SpeedOptions): Promise<SpeedReport> {
  const [shape, name] = isSmall
    ? ([smallShape, "made up, small"] as const)
    : ([wholeShape, "made up, of the widths of half a billion weights"] as const);
  onProgress("Making up a model and loading it", 0.5);
  using model = await Model.load(toParts(makeUpModel(shape, 1)), {
    gpu,
    ...(signal && { signal }),
    queues: 1,
    weights: "f16",
    verify: true,
    recover: false,
  });
  addKernels(kernels, model.info.verified!);
  // Awaited here, as the model is disposed with this function.
  return await measureSpeed(model, {
    shape,
    name,
    bounds,
    isQuick,
    signal,
    onProgress: (words, part) => onProgress(words, 0.6 + 0.4 * part),
  });
}

/** The value of `work`. What it throws becomes a problem of the report, but for a cancellation. */
async function orProblem<T>(problems: string[], what: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Models have places in common. */
function addKernels(all: VerifiedKernel[], own: readonly VerifiedKernel[]): void {
  for (const kernel of own)
    if (!all.some((other) => other.place === kernel.place && other.kernel === kernel.kernel))
      all.push(kernel);
}

async function requestAdapter(gpu: GPU): Promise<GPUAdapter> {
  // As weft asks for one.
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter) return adapter;
  throw new DeviceError({
    reason: "no-adapter",
    problem: "WebGPU is present but gave no adapter",
    remedy:
      "Check that GPU acceleration is on and its drivers are current (in Chromium, chrome://gpu tells).",
  });
}
