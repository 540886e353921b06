// The public types of a model: what is passed in and what comes out.
import type { AdapterDescription } from "../gpu/queue.js";
import type { MemoryCount } from "../gpu/buffer.js";
import type { KernelPicks } from "../tuning/choose.js";
import type { KernelPick } from "../tuning/pick.js";
import type { Fence, Placement, QueueGain } from "../plan/vocabulary.js";
import type { Trace } from "../trace/trace.js";
import type { Arithmetic } from "../tensor/arithmetic.js";
import type { WeightFormat } from "../tensor/weight-format.js";
import type { ModelConfig } from "../families/gpt2-config.js";

export type { Arithmetic, KernelPick, KernelPicks, QueueGain, WeightFormat };

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

/** What may be chosen for one call; the rest is as it was loaded. */
export interface RunOptions {
  /**
   * k: tokens per slice, from 1 to the context length, or "auto": as many as keep a task short enough for others to take
   * turns. Changes no bit. Default: as loaded.
   */
  readonly sliceTokens?: number | "auto";
  /** What opens a sentence's attention: all its slices, or only those up to the query's own. Default: "sentence". */
  readonly fence?: Fence;
  /** Each sentence on one queue, or the slices of each over all queues, or what is expected to be faster. Default: "auto". */
  readonly placement?: Placement | "auto";
  /** How many of the loaded queues to use, or as many as are expected to be fastest. Default: all, or "auto" where loaded so. */
  readonly queues?: number | "auto";
  /** As in `Model.load`, for this call. */
  readonly gpuBudgetMs?: number;
  /** Also record what ran when. Each stage of tasks is then a pass of its own. */
  readonly trace?: boolean;
  readonly signal?: AbortSignal;
}

/** What a forward pass gives, and how it runs. */
export interface ForwardOptions extends RunOptions {
  /** "last": logits after the last token of each sentence. "all": after every token. "hidden": final hidden rows. */
  readonly output?: "last" | "all" | "hidden";
}

/** What a run did on one queue. */
export interface QueueStats {
  readonly tokens: number;
  readonly dispatches: number;
  readonly submissions: number;
  /** With a trace and a GPU clock: the time of the passes. Otherwise: the time with a submission in flight. */
  readonly busyMs: number;
  /** The most GPU memory in buffers of this queue during the call, weights included. */
  readonly peakBytes: number;
}

/** What a run did, on all queues together. */
export interface RunStats {
  readonly tokens: number;
  /** k and placement as given, or as chosen. */
  readonly sliceTokens: number;
  readonly placement: Placement;
  readonly elapsedMs: number;
  readonly dispatches: number;
  readonly submissions: number;
  /** K and V rows that travelled between queues. */
  readonly movedBytes: number;
  readonly peakBytes: number;
  readonly queues: readonly QueueStats[];
}

/** What every run comes with. */
export interface RunResult {
  readonly stats: RunStats;
  /** Present when the option `trace` was set. */
  readonly trace?: Trace;
}

/** Per sentence [V] for "last", [T, V] for "all", row-major. */
export interface LogitsResult extends RunResult {
  readonly logits: readonly Float32Array<ArrayBuffer>[];
}

/** Per sentence [T, C], row-major: the rows after the final norm. */
export interface HiddenResult extends RunResult {
  readonly hidden: readonly Float32Array<ArrayBuffer>[];
}

/** How likely one sentence is to the model, in nats. */
export interface Score {
  /** The ids that were scored, with the begin token in front where the model has one and text was passed. */
  readonly tokens: readonly number[];
  /** Of every token but the first, given those before it. */
  readonly logProbabilities: Float32Array<ArrayBuffer>;
  readonly sum: number;
  readonly mean: number;
  /** exp(−mean). */
  readonly perplexity: number;
}

/** One score per sentence, in order, with the statistics of the run that made them. */
export type Scores = readonly Score[] & RunResult;

/** What a model is and runs on. JSON-serialisable. */
export interface ModelInfo {
  readonly config: ModelConfig;
  readonly adapter: AdapterDescription;
  /** Queues that were loaded. */
  readonly queues: number;
  /** What calls take that name none. */
  readonly schedule: ScheduleDefaults;
  /** How matrices are stored on the GPU. */
  readonly weights: WeightFormat;
  /** What products of linear layers are computed in. */
  readonly arithmetic: Arithmetic;
  /** Bytes of one replica of the weights on the GPU. */
  readonly weightBytes: number;
  /** Milliseconds from `load` to ready. */
  readonly loadMs: number;
  /** The families of kernels in use, for dispatches of few rows and of many, with what was measured. */
  readonly kernels: KernelPicks;
  /** With `verify`: what was found, as a text to report problems with. */
  readonly verification?: string;
  /** Tensors of the file that the model has no use for. */
  readonly unexpectedTensors: readonly string[];
}

/** What a call takes where it names nothing else. JSON-serialisable. */
export interface ScheduleDefaults {
  readonly queues: number | "auto";
  readonly sliceTokens: number | "auto";
  /** How many times as much two queues did at once as one alone, where `tune` measured it. */
  readonly gain?: QueueGain;
}

/** Counters of a model's generation, over all queues, since it was loaded. */
export interface ModelStats {
  /** Requests being computed now, and requests that wait. */
  readonly running: number;
  readonly waiting: number;
  readonly steps: number;
  readonly generatedTokens: number;
  /** Rows that went through the model: prompt tokens that were not shared, and generated ones. */
  readonly computedRows: number;
  /** Rows that were not computed, as another request with the same beginning had. */
  readonly sharedRows: number;
  /** How often a request was put back for want of cache. */
  readonly preemptions: number;
  readonly dispatches: number;
  /** Pages of the key-value cache: all, and those that no request holds. */
  readonly cachePages: number;
  readonly freePages: number;
}

/** Live GPU buffers of one queue. */
export type QueueMemory = Readonly<MemoryCount>;
