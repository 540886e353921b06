// A model on its queues. Loading makes it, and everything that runs works on it.
import { DeviceError } from "../../errors.js";
import type { Queue } from "../../gpu/queue.js";
import type { ModelConfig } from "../../families/model-config.js";
import type { ArenaPool } from "../../model/arena/arena-pool.js";
import type { SentenceSettings } from "./sentence-files.js";
import type { ModelDefinition } from "../../model/definition.js";
import type { Forward } from "../../model/forward.js";
import type { ModelShape } from "../../model/shape.js";
import type { ModelWeights } from "../../model/weights/model-weights.js";
import type { FairTurns } from "../../schedule/fair-turns.js";
import type { Pace } from "../../schedule/pace.js";
import type { ModelInfo } from "./model-info.js";

/** Shared by all calls that run on one queue. */
export interface QueueLoad {
  readonly turns: FairTurns;
  readonly pace: Pace;
  /** Rows of the forward passes that are under way. */
  rows: number;
}

/** One queue with a replica of the model. */
export interface Replica {
  readonly queue: Queue;
  readonly weights: ModelWeights;
  readonly forward: Forward;
  readonly arenas: ArenaPool;
  readonly load: QueueLoad;
  /** Frees the weights. */
  readonly disposeWeights: () => void;
}

export interface LoadedModel {
  readonly definition: ModelDefinition;
  /** Config and shape of the definition. */
  readonly config: ModelConfig;
  readonly shape: ModelShape;
  readonly replicas: readonly Replica[];
  readonly textFiles: TextFiles;
  /** The parsed config.json, for saving. */
  readonly configFile: unknown;
  readonly info: ModelInfo;
  /** Tells the contents of its files from others: see WeightsPrint. */
  readonly weightsPrint: string;
}

/** Frees everything that a model holds on the GPU, and its queues. What waits for them rejects with `reason`. */
export function disposeLoaded({ replicas }: LoadedModel, reason?: Error): void {
  for (const { arenas, disposeWeights, queue } of replicas) {
    // First, as what it frees is counted no more, and those who wait learn why.
    queue.dispose(reason);
    arenas.trim();
    disposeWeights();
  }
}

/** The loss of a device of these, if there is one. */
export function lossOf(replicas: readonly Replica[]): DeviceError | undefined {
  for (const { queue } of replicas) {
    const { failure } = queue;
    if (failure instanceof DeviceError && failure.reason === "lost") return failure;
  }
  return undefined;
}

/** Parsed JSON files of the model's folder. Undefined for files that it does not have. */
export interface TextFiles {
  readonly tokenizer: unknown;
  readonly tokenizerConfig: unknown;
  /** The text of chat_template.jinja. */
  readonly chatTemplate: string | undefined;
  readonly generationConfig: unknown;
  /** Why files could not be read that the model can do without, by their names. */
  readonly unreadable?: Readonly<Record<string, string>>;
  /** What files of sentence-transformers say, if the model is an encoder. */
  readonly sentence?: SentenceSettings | undefined;
  /** Reads them where the model predicts tokens, and few folders have them: when they are needed. */
  readonly readSentence?: () => Promise<SentenceSettings | undefined>;
}

/** Per queue, over all calls: enough to hide the host's encoding behind the GPU's work, few enough to take turns. */
export const SUBMISSIONS_IN_FLIGHT = 2;
