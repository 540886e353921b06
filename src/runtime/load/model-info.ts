// What a loaded model is and runs on: types only, all of it JSON-serialisable.
import type { ModelConfig } from "../../families/model-config.js";
import type { AdapterDescription } from "../../gpu/queue.js";
import type { QueueGain } from "../../plan/vocabulary.js";
import type { Arithmetic, WeightFormat } from "../../tensor/formats.js";
import type { KernelPicks } from "../../tuning/choose.js";

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
