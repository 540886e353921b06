// Weights in the form that layers take: buffers in the layout of the kernels, and their widths. Gradients of weights have the
// same form.
import type { GpuBuffer } from "../gpu/buffer.js";
import type { WeightFormat } from "../tensor/formats.js";

/** A matrix (K/4, N, 4) and a bias (N). Widths are in vec4s. */
export interface LinearWeights {
  readonly format: WeightFormat;
  readonly weight: GpuBuffer;
  /** Scales, minimums and upper bits of a quantised matrix. */
  readonly scales?: GpuBuffer;
  readonly bias: GpuBuffer;
  readonly inputVectors: number;
  readonly outputVectors: number;
  /** Where the outputs begin in a row, if these are not all. */
  readonly firstVector: number;
}

export interface NormWeights {
  readonly gain: GpuBuffer;
  readonly bias: GpuBuffer;
  /** The numbers that a norm is over, and the same in vec4s. */
  readonly width: number;
  readonly vectors: number;
}

/** Consecutive tokens of an embedding or head, (C/4, tokens, 4): as many as one binding holds. */
export interface VocabularyShard extends Omit<LinearWeights, "bias" | "firstVector"> {
  readonly firstToken: number;
  readonly tokenCount: number;
  /** `tokenCount`, padded to a multiple of 4. */
  readonly stride: number;
}

/** A shard with its bias: a linear layer from C to these tokens. */
export interface HeadShard extends VocabularyShard {
  readonly bias: GpuBuffer;
}

/** The tables that a token is looked up in: by its id, in shards, and by its position and its type, if the model learned those. */
export interface EmbeddingWeights {
  readonly tokens: readonly VocabularyShard[];
  readonly positions: GpuBuffer | undefined;
  readonly tokenTypes: GpuBuffer | undefined;
  readonly channelVectors: number;
}

/** Room for the sums of a weight and its bias over each slab of rows. */
export interface PartialSums {
  readonly weight: GpuBuffer;
  readonly bias: GpuBuffer;
}
