// Verifies the kernels of this adapter: those that have trials one by one as a model is loaded, all others in a small model as a
// whole, whose logits and tokens in float64 are recorded.
import { Model, type VerifiedKernel } from "../../index.js";
import { expectedLogits, expectedTokens } from "./expected.js";
import { checkedShape, makeUpModel, toParts } from "./made-up-model.js";
import type { ModelVerification } from "./report.js";

/** What is recorded was computed from this. */
export const CHECKED_SEED = 25;
export const checkedPrompt: readonly number[] = [17, 203, 64, 5, 130];
export const CHECKED_TOKENS = 8;

/** How matrices are stored in each model that is checked. Weights are exact in f16, so that the first two are the same model. */
export const checkedFormats = ["f32", "f16", "q8", "q4"] as const;
export type CheckedFormat = (typeof checkedFormats)[number];
const isExact = (format: CheckedFormat): boolean => format === "f32" || format === "f16";

/** f32 through the reductions of two layers against float64. */
const LIMIT = 1e-4;

export interface FormatVerification {
  readonly kernels: readonly VerifiedKernel[];
  /** Absent where weights are rounded: there is nothing recorded to compare the whole model with. */
  readonly model?: ModelVerification;
  readonly isSoftware: boolean;
}

/** @throws DeviceError ("wrong-results") if no kernel of a place is right, CancelledError, and what else a load throws. */
export async function verifyFormat(
  format: CheckedFormat,
  { gpu, signal }: { readonly gpu: GPU; readonly signal: AbortSignal | undefined },
): Promise<FormatVerification> {
  const parts = toParts(makeUpModel(checkedShape, CHECKED_SEED));
  const cancel = signal && { signal };
  const options = {
    gpu,
    ...cancel,
    queues: 1,
    weights: format,
    verify: true,
    tune: false,
    recover: false,
  } as const;
  using model = await Model.load(parts, options);
  const { verified, adapter } = model.info;
  const { isSoftware } = adapter;
  if (!isExact(format)) return { kernels: verified!, isSoftware };
  const { logits } = await model.forward([checkedPrompt], { ...cancel });
  const { tokens } = await model.generate(checkedPrompt, {
    temperature: 0,
    maxTokens: CHECKED_TOKENS,
    stopTokens: [],
    ...cancel,
  });
  return { kernels: verified!, model: compareModel(format, logits[0]!, tokens), isSoftware };
}

/** Compares what a model gave with what is recorded. */
export function compareModel(
  weights: string,
  logits: ArrayLike<number>,
  tokens: readonly number[],
): ModelVerification {
  let largest = 0;
  for (const [index, expected] of expectedLogits.entries()) {
    const error = Math.abs((logits[index] ?? NaN) - expected) / (1 + Math.abs(expected));
    largest = Number.isNaN(error) ? Infinity : Math.max(largest, error);
  }
  const hasSameTokens = tokens.join() === expectedTokens.join();
  return {
    weights,
    isRight: largest <= LIMIT && hasSameTokens,
    largestError: Number.isFinite(largest) ? largest : null,
    limit: LIMIT,
    hasSameTokens,
  };
}
