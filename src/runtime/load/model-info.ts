// Describes a loaded model and what it runs on. Types only.
import type { ModelConfig } from "../../families/model-config.js";
import type { AdapterDescription } from "../../gpu/queue.js";
import type { QueueGain } from "../../plan/vocabulary.js";
import type { Arithmetic, CacheFormat, WeightFormat } from "../../tensor/formats.js";
import type { KernelPicks } from "../../tuning/choose.js";
import type { VerifiedKernel } from "../../tuning/pick.js";

/** Describes a loaded model and what it runs on. JSON-serialisable. */
export interface ModelInfo {
  readonly config: ModelConfig;
  readonly adapter: AdapterDescription;
  /** The number of queues that were loaded. */
  readonly queues: number;
  /** What calls use if they do not say otherwise. */
  readonly schedule: ScheduleDefaults;
  /** How matrices are stored on the GPU. */
  readonly weights: WeightFormat;
  /** The arithmetic of linear layers. */
  readonly arithmetic: Arithmetic;
  /** How generation stores keys and values. */
  readonly cache: CacheFormat;
  /** Bytes of one replica of the weights on the GPU. */
  readonly weightBytes: number;
  /** Milliseconds that `load` took. */
  readonly loadMs: number;
  /** The kernels in use, for dispatches of few rows and of many, with what was measured. */
  readonly kernels: KernelPicks;
  /** With `verify`, the results as a text for reports. */
  readonly verification?: string;
  /** The same, kernel by kernel. */
  readonly verified?: readonly VerifiedKernel[];
  /** The text of the template by which conversations are written (of several, that for tools), if the model has one. */
  readonly chatTemplate?: string;
  /** Tensors of the file that the model has no use for. */
  readonly unexpectedTensors: readonly string[];
  /** Why files could not be read that the model can do without, such as tokenizer.json, by their names. */
  readonly unreadableFiles: Readonly<Record<string, string>>;
  /** Keys of generation_config.json that weft makes no use of. */
  readonly unusedGenerationKeys: readonly string[];
  /** How often the model was opened again after a device was lost. */
  readonly recoveries: number;
}

/** What a call uses if it does not say otherwise. JSON-serialisable. */
export interface ScheduleDefaults {
  readonly queues: number | "auto";
  readonly sliceTokens: number | "auto";
  /** How many times as much two queues do at once as one alone, if `tune` measured it. */
  readonly gain?: QueueGain;
}
