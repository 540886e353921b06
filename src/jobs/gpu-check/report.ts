// The report of a GPU's check: what a user can read, and send to weft's authors. Types only. JSON-serialisable throughout.
import type { KernelPicks, VerifiedKernel } from "../../index.js";
import type { Figure, Reached } from "./figures.js";

/** Told apart from other JSON by this name. */
export const REPORT_FORMAT = "weft-gpu-check";
/** Raised when a field changes its meaning or goes. New fields do not raise it. */
export const REPORT_VERSION = 1;

export interface GpuReport {
  readonly format: typeof REPORT_FORMAT;
  readonly formatVersion: typeof REPORT_VERSION;
  /** The version of weft. */
  readonly weft: string;
  /** In ISO 8601. */
  readonly date: string;
  /** The browser as it calls itself, or Node and Dawn. */
  readonly runtime: string;
  readonly adapter: AdapterReport;
  /** All that the adapter has. */
  readonly features: readonly string[];
  /** Those that weft makes use of. */
  readonly limits: Readonly<Record<string, number>>;
  readonly verification: Verification;
  readonly bounds: {
    /** GB/s of a kernel that only reads. */
    readonly bandwidth: Figure;
    /** GFLOP/s in f32 of a kernel that only multiplies and adds. */
    readonly arithmetic: Figure;
    readonly method: string;
  };
  /** Null if the model that is timed could not be loaded, or its results are wrong. `problems` says why. */
  readonly speed: SpeedReport | null;
  /** What went wrong, in words. Empty: nothing did. */
  readonly problems: readonly string[];
}

/** What WebGPU tells of an adapter, and nothing else. Null: this runtime does not say it. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly subgroupMinSize: number | null;
  readonly subgroupMaxSize: number | null;
  readonly isFallbackAdapter: boolean | null;
  /** Whether weft takes it for one that computes on the CPU. Its times are then not a GPU's. Null if no model could be loaded. */
  readonly isSoftware: boolean | null;
}

export interface Verification {
  /** Whether everything below is right, with weights in every format. */
  readonly isRight: boolean;
  /** Kernels of linear layers and attention, each by itself. The first of a place that is right is used. */
  readonly kernels: readonly VerifiedKernel[];
  /** A small model as a whole, which has all other kernels in it. */
  readonly models: readonly ModelVerification[];
}

export interface ModelVerification {
  /** How its matrices are stored. */
  readonly weights: string;
  readonly isRight: boolean;
  /** The largest |a − b| / (1 + |b|) of its logits. Null if one is not finite. */
  readonly largestError: number | null;
  readonly limit: number;
  /** Whether it writes the tokens that float64 finds likeliest, through the cache and the kernel that chooses them. */
  readonly hasSameTokens: boolean;
}

export interface SpeedReport {
  readonly model: {
    readonly name: string;
    readonly channels: number;
    readonly hidden: number;
    readonly layers: number;
    readonly vocabulary: number;
    readonly weights: string;
    readonly weightBytes: number;
    readonly loadMs: number;
  };
  /** The kernels in use; with times where they were measured to choose among them. */
  readonly kernels: KernelPicks;
  /** Writing, one text and several at once. */
  readonly decode: readonly (Reached & { readonly requests: number; readonly stepMs: number })[];
  /** Reading a prompt. */
  readonly prefill: Reached & { readonly promptTokens: number; readonly ms: number };
  readonly repeats: number;
  readonly method: string;
}
