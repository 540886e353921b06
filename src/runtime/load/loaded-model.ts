// A model on its queues: what loading makes, and all that runs works on.
import type { Queue } from "../../gpu/queue.js";
import type { ModelShape } from "../../model/shape.js";
import type { Gpt2Forward } from "../../model/gpt2-forward.js";
import type { Gpt2Weights } from "../../model/gpt2-weights.js";
import type { ModelConfig } from "../../families/gpt2-config.js";
import type { ArenaPool } from "../../model/arena-pool.js";
import type { GenerationDefaults } from "../generate/defaults.js";
import type { QueueLoad } from "../passes/plan-run.js";
import type { ModelInfo } from "./model-info.js";

/** One queue with a replica of the model. */
export interface Replica {
  readonly queue: Queue;
  readonly weights: Gpt2Weights;
  readonly forward: Gpt2Forward;
  readonly arenas: ArenaPool;
  readonly load: QueueLoad;
  /** Frees the weights. */
  disposeWeights(): void;
}

export interface LoadedModel {
  readonly config: ModelConfig;
  readonly dimensions: ModelShape;
  readonly replicas: readonly Replica[];
  readonly textFiles: TextFiles;
  readonly generationDefaults: GenerationDefaults;
  /** The parsed config.json, for saving. */
  readonly configFile: unknown;
  readonly hasHeadBias: boolean;
  readonly info: ModelInfo;
}

/** Parsed JSON files of the model's folder; undefined where there is none. */
export interface TextFiles {
  readonly tokenizer: unknown;
  readonly tokenizerConfig: unknown;
}

/** On one queue, of all calls: enough to hide the host's encoding behind the GPU's work, few enough to take turns. */
export const SUBMISSIONS_IN_FLIGHT = 2;
