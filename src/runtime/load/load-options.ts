// The options of loading a model, and its progress.
import type { DeviceError } from "../../errors.js";
import type { HubOptions } from "../../files/hub/open-hub.js";
import type { DownloadProgress, NotStored } from "../../files/read-tensors.js";
import type { AdapterDescription } from "../../gpu/queue.js";
import type { Arithmetic, CacheFormat, FloatFormat } from "../../tensor/formats.js";
import type { OptionNames } from "../../util/option-names.js";

/** The progress of loading. */
export type LoadProgress =
  | DownloadProgress
  | NotStored
  /** Kernels are compared on the adapter: see `tune` and `verify`. */
  | { readonly phase: "measuring" }
  /** The weights are there. Kernels were compiled at the same time, and some are not ready yet. */
  | { readonly phase: "compiling" }
  | { readonly phase: "ready"; readonly elapsedMs: number };

/** The options of loading a model. */
export interface LoadOptions extends HubOptions {
  /** The entry point to WebGPU. Default: navigator.gpu. In Node: that of the npm package "webgpu", if installed. */
  readonly gpu?: GPU;
  /**
   * The number of queues, 1 to 8. Each is a device with a replica of the weights. "auto" takes 2 if `tune` has measured that two
   * do more at once than one does alone and memoryBudgetBytes allows it, else 1. Default: "auto".
   */
  readonly queues?: number | "auto";
  /** k: tokens per slice, from 1 to the context length, or "auto": see RunOptions. Default: "auto". */
  readonly sliceTokens?: number | "auto";
  /** The most bytes of weights on all queues together. Loading more is refused before anything is allocated. */
  readonly memoryBudgetBytes?: number;
  /**
   * How matrices are stored on the GPU. "f16" rounds them to 11 bits, "bf16" to 8. "q8" and "q4" round every 32 weights of an output to 8 or 4
   * bits and a scale: a weight is then wrong by at most 1/254, or 1/8, of the largest of its 32; matrices whose rows are no
   * multiples of 32 stay float32. In any case, weft computes in float32 unless `arithmetic` says otherwise. Only "f32" can be
   * trained. Default: as the files have them, with 16 or 32 bits, or in blocks of a GGUF file.
   */
  readonly weights?: FloatFormat | "q8" | "q4";
  /**
   * The arithmetic of linear layers. "f16" is for GPUs that compute twice as much of it: inputs are rounded to 11 bits, 16
   * products at a time are added in f16, and their sums in float32. A sum is then wrong by about a thousandth, at worst by
   * 1.7 % of the sum of absolute values, and not finite if 16 products reach 65,504. Attention, norms and everything else stay
   * float32. Results still have the same bits for every k, batch and number of queues. Needs shader-f16, and loads the weights
   * as "f16". Default: "f32".
   */
  readonly arithmetic?: Arithmetic;
  /**
   * Measure kernels on the model's shapes for about two seconds, and use the fastest. This is done once per adapter and shape
   * and remembered; a page remembers it in localStorage. If there was no time for some kernels, `info.kernels` lists them and
   * the next load measures them. Results have the same bits either way. Default: true; on software adapters false, because it
   * is known what is fast there.
   */
  readonly tune?: boolean;
  /**
   * Compare every kernel that is picked with float64 arithmetic on this adapter, and use another one if it fails. The results
   * are in `info.verification`. Default: false.
   */
  readonly verify?: boolean;
  /** Treat the adapter as if one binding held no more bytes than this, to see how a smaller adapter behaves. */
  readonly maxBindingBytes?: number;
  /** The most requests that one queue generates for at the same time, 1 to 256. Others wait. Default: 64. */
  readonly maxConcurrentRequests?: number;
  /** The most bytes of keys and values on one queue. One context always fits. Default: 256 MiB. */
  readonly cacheBytes?: number;
  /**
   * How generation stores keys and values. "f16" takes half the memory, with or without shader-f16: each number is rounded once,
   * to the nearest of 11 bits, where it is stored, so a key or value is wrong by at most 1/2048 of itself (below 2^-14 by 2^-25,
   * where an adapter reads such small halves as 0 by all of it), and beyond ±65,504 becomes ±65,504. In five small models that
   * changes the log-probability of a token by up to 0.004. Whatever k, pages, batch mates and shared prompts are, generation
   * still gives the same bits, those of this format. `forward`, `score` and `train` have no cache and stay float32. Layers without
   * rotary positions take a dispatch more per step. Default: "f32".
   */
  readonly cache?: CacheFormat;
  /** Tokens per page of the key-value cache: a multiple of 4, from 4 to 1024. Results do not depend on it. Default: 16. */
  readonly cachePageTokens?: number;
  /**
   * Milliseconds that one submission should take at most, so that there is room for a page's own frames in between. About 8
   * keeps a page at frame rate. Tasks are not cut, so smaller slices keep the bound better. Default: no bound.
   */
  readonly gpuBudgetMs?: number;
  /**
   * Whether a model goes on if its device is lost, as when a driver is reset: it opens a new device, loads the weights again from
   * the same source, and does again what calls had begun, so that streams pause and nothing else is seen of it. Files that were
   * passed as values stay in memory for that. Weights that `train` has changed come back while the run goes on, and after it from
   * its last checkpoint or `save`, if that has its last step; otherwise the model fails. At most three times a minute.
   * Default: true.
   */
  readonly recover?: boolean;
  /** Called when a device was lost, and when the model goes on, or can't. */
  readonly onRecovery?: (event: RecoveryEvent) => void;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** What became of a model whose device was lost. */
export type RecoveryEvent =
  | { readonly phase: "lost"; readonly reason: DeviceError }
  | {
      readonly phase: "recovered";
      readonly elapsedMs: number;
      readonly adapter: AdapterDescription;
      /** Whether it is another adapter than before. Texts go on from the tokens that they had, but results may differ in their last bits. */
      readonly isOtherAdapter: boolean;
    }
  | { readonly phase: "failed"; readonly elapsedMs: number; readonly reason: Error };

export const hubOptionNames: OptionNames<HubOptions> = {
  revision: true,
  file: true,
  token: true,
  hub: true,
  cacheFiles: true,
  refresh: true,
  stallMs: true,
};

export const loadOptionNames: OptionNames<LoadOptions> = {
  ...hubOptionNames,
  gpu: true,
  queues: true,
  sliceTokens: true,
  memoryBudgetBytes: true,
  weights: true,
  arithmetic: true,
  tune: true,
  verify: true,
  maxBindingBytes: true,
  maxConcurrentRequests: true,
  cacheBytes: true,
  cache: true,
  cachePageTokens: true,
  gpuBudgetMs: true,
  recover: true,
  onRecovery: true,
  onProgress: true,
  signal: true,
};
