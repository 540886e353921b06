// Finds the kernels of a model that is being loaded: they are known from an earlier load, measured now, or presumed.
import type { Queue } from "../gpu/queue.js";
import { chooseKernels, type ChosenKernels, type CandidateKernels, type KernelPicks } from "./choose.js";
import type { ModelDefinition } from "../model/definition.js";
import type { ModelShape } from "../model/shape.js";
import { activationOf } from "../layers/activation.js";
import { elementTypeOf } from "../model/pipelines.js";
import type { Arithmetic, CacheFormat, WeightFormat } from "../tensor/formats.js";
import { isKernelPicks } from "./known-kernels.js";
import { describeError } from "./pick.js";
import { recall, remember } from "./remembered.js";

/** A load may take this much longer, once per adapter and shape. */
const TUNE_MS = 1500;

/** The options of a load that concern tuning. */
export interface TuneOptions {
  /** Default: true, but on software adapters false. */
  readonly tune?: boolean;
  /** Default: false. */
  readonly verify?: boolean;
  readonly signal?: AbortSignal;
  /** Called once, when measuring begins. */
  readonly onProgress?: (progress: { readonly phase: "measuring" }) => void;
}

/** The model, how it computes, and the kernels to choose from. */
export interface TuneTarget {
  readonly model: ModelDefinition;
  readonly format: WeightFormat;
  readonly arithmetic: Arithmetic;
  /** How generation stores keys and values. */
  readonly cache: CacheFormat;
  readonly candidates: CandidateKernels;
}

export async function tuneKernels(
  queue: Queue,
  { model, format, arithmetic, cache, candidates }: TuneTarget,
  load: TuneOptions,
): Promise<ChosenKernels> {
  const { verify = false, signal, onProgress } = load;
  const tune = isTuned(queue, load);
  const element = elementTypeOf(queue, format);
  const names = [...candidates.linear, ...candidates.attention].map(({ name }) => name);
  const key = `weft.kernels ${shapeKey(queue, model.shape, element)} ${names.join(" ")}`;
  const known = tune ? recall(key, isKernelPicks) : undefined;
  const tuneMs = tune && !(known && isComplete(known)) ? TUNE_MS : 0;
  if (tuneMs > 0 || verify) onProgress?.({ phase: "measuring" });
  const activation = activationOf[model.config.activation];
  const options = { candidates, activation, element, arithmetic, cache, tuneMs, known, verify, signal };
  const chosen = await chooseKernels(queue, model, options);
  if (tuneMs > 0) remember(key, chosen.picks);
  return chosen;
}

/** Whether there was time to measure everything. If not, the next load measures the rest. */
const isComplete = (picks: KernelPicks): boolean =>
  Object.values(picks).every((byRows) =>
    [byRows.few, byRows.many].every(({ unmeasured }) => unmeasured.length === 0),
  );

/** Whether this load measures, or uses what an earlier one has measured. */
export const isTuned = ({ adapter }: Queue, { tune = !adapter.isSoftware }: TuneOptions): boolean => tune;

/** A key of everything that the figures of a kernel depend on: the adapter, and the model's shapes. */
export function shapeKey(
  { adapter }: Queue,
  { channels, hidden, heads, keyValueHeads, headWidth, contextLength, pageTokens }: ModelShape,
  element: string,
): string {
  const { vendor, architecture, device, description } = adapter;
  const shape = [channels, hidden, heads, keyValueHeads, headWidth, contextLength, pageTokens];
  return JSON.stringify([vendor, architecture, device, description, element, shape]);
}

/** Returns a text for reports: the adapter, and a line per kernel that was checked. */
export function describeVerification({ adapter }: Queue, { verified }: ChosenKernels): string {
  const { vendor, architecture, description } = adapter;
  const lines = verified.map(({ place, kernel, largestError, problem }) => {
    const words = problem === undefined ? `right, ${describeError(largestError!)}` : `FAILED, ${problem}`;
    return `${place}, ${kernel}: ${words}`;
  });
  return [`weft on ${[vendor, architecture, description].filter(Boolean).join(" ")}`, ...lines].join("\n");
}
