// Where and how a model is loaded, and how far that has come: types only.
import type { Arithmetic, WeightFormat } from "../../tensor/formats.js";

/** How far loading has come. */
export type LoadProgress =
  | {
      readonly phase: "download";
      readonly file: string;
      readonly loadedBytes: number;
      /** Undefined where the server does not say. */
      readonly totalBytes: number | undefined;
    }
  /** Kernels are compared on the adapter: see `tune` and `verify`. */
  | { readonly phase: "measuring" }
  /** The weights are there; kernels, which are compiled meanwhile, are waited for. */
  | { readonly phase: "compiling" }
  | { readonly phase: "ready"; readonly elapsedMs: number };

/** Where and how a model is loaded. */
export interface LoadOptions {
  /** The entry point to WebGPU. Default: navigator.gpu; in Node, that of the npm package "webgpu" where installed. */
  readonly gpu?: GPU;
  /**
   * How many queues: devices, each with a replica of the weights. 1 to 8, or "auto": 2 where `tune` has measured that two do
   * more at once than one does alone, and memoryBudgetBytes allows; else 1. Default: "auto".
   */
  readonly queues?: number | "auto";
  /** k: tokens per slice, from 1 to the context length, or "auto": see RunOptions. Default: "auto". */
  readonly sliceTokens?: number | "auto";
  /** The most bytes of weights over all queues; loading more is refused before anything is allocated. */
  readonly memoryBudgetBytes?: number;
  /**
   * How matrices are stored on the GPU: "f16" halves their memory, rounding to 11 bits what has more. Computed in float32
   * either way, but see `arithmetic`. Only "f32" can be trained. Default: "f32".
   */
  readonly weights?: WeightFormat;
  /**
   * What products of linear layers are computed in. "f16" is for GPUs that do twice as much of it: inputs are rounded to 11
   * bits and 16 products added in f16, their sums in float32. A sum is then wrong by about a thousandth, at worst by 1.7 %
   * of what it would be without signs, and not finite where 16 products come to 65,504. Attention, norms and the rest stay
   * float32. Results still have the same bits for every k, batch and number of queues. Needs the adapter's shader-f16, and
   * weights "f16", which it loads. Default: "f32".
   */
  readonly arithmetic?: Arithmetic;
  /**
   * Measure kernels on the model's shapes, for about two seconds, and use the fastest; done once per adapter and shape, and
   * remembered, in a page beyond its life; what there was no time for is in `info.kernels`, and left to the next load.
   * Results have the same bits either way. Default: true, but on software adapters false, as what is fast there is known.
   */
  readonly tune?: boolean;
  /**
   * Hold every kernel that is picked against float64 arithmetic on this adapter, and use another where one fails; what
   * came out is in `info.verification`. Default: false.
   */
  readonly verify?: boolean;
  /** Treat the adapter as if one binding held no more than this, to see how a smaller one behaves. */
  readonly maxBindingBytes?: number;
  /** The most requests that are generated for at once on one queue; others wait. 1 to 256. Default: 64. */
  readonly maxConcurrentRequests?: number;
  /** The most bytes of keys and values on one queue. One context always fits. Default: 256 MiB. */
  readonly cacheBytes?: number;
  /** Tokens per page of the key-value cache: a multiple of 4, from 4 to 1024. Changes no bit. Default: 16. */
  readonly cachePageTokens?: number;
  /**
   * Milliseconds that one submission should keep the GPU, so that a page's own frames find room between them: about 8 keeps
   * a page at frame rate. Tasks are not cut, so smaller slices make it exact. Default: no bound.
   */
  readonly gpuBudgetMs?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}
