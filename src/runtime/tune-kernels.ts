// Which kernels a model that is being loaded uses: known from another load, measured now, or presumed.
import type { Queue } from "../gpu/queue.js";
import { chooseKernels, type ChosenKernels, type KernelFamilies } from "../model/choose-kernels.js";
import type { Gpt2Dimensions } from "../model/gpt2-dimensions.js";
import { activationOf, elementOf } from "../model/gpt2-forward.js";
import type { Arithmetic } from "../tensor/arithmetic.js";
import type { WeightFormat } from "../tensor/weight-format.js";
import type { Gpt2Config } from "../weights/gpt2-config.js";
import { recallKernels, rememberKernels } from "./known-kernels.js";
import type { LoadOptions } from "./types.js";

/** A load may take this much longer, once per adapter and shape. */
const TUNE_MS = 1500;

export async function tuneKernels(
  queue: Queue,
  config: Gpt2Config,
  dimensions: Gpt2Dimensions,
  format: WeightFormat,
  arithmetic: Arithmetic,
  families: KernelFamilies,
  { tune = !queue.adapter.isSoftware, verify = false, signal, onProgress }: LoadOptions,
): Promise<ChosenKernels> {
  const element = elementOf(queue, format);
  const key = keyOf(queue, dimensions, element, families);
  const known = tune ? recallKernels(key) : undefined;
  const tuneMs = tune && !known ? TUNE_MS : 0;
  if (tuneMs > 0 || verify) onProgress?.({ phase: "measuring" });
  const activation = activationOf[config.activation];
  const options = { families, activation, element, arithmetic, tuneMs, known, verify, signal };
  const chosen = await chooseKernels(queue, dimensions, options);
  if (tuneMs > 0) rememberKernels(key, chosen.picks);
  return chosen;
}

/** All that figures depend on. */
function keyOf(
  { adapter }: Queue,
  { channels, hidden, heads, headWidth, contextLength, pageTokens }: Gpt2Dimensions,
  element: string,
  { linear, attention }: KernelFamilies,
): string {
  const { vendor, architecture, device, description } = adapter;
  const shape = [channels, hidden, heads, headWidth, contextLength, pageTokens];
  const names = [...linear, ...attention].map(({ name }) => name);
  return `weft.kernels ${JSON.stringify([vendor, architecture, device, description, element, shape, names])}`;
}

/** A text fit for a report: the adapter, and a line per kernel that was checked. */
export function describeVerification({ adapter }: Queue, { verification }: ChosenKernels): string {
  const { vendor, architecture, description } = adapter;
  return [`weft on ${[vendor, architecture, description].filter(Boolean).join(" ")}`, ...verification].join(
    "\n",
  );
}
