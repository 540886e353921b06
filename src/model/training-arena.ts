// What a training step keeps between forward and backward on one queue: activations and gradients of every layer, a row
// per token. Gradients of activations are kept per layer too, so that weight gradients may be formed at any later time.
// Where activations are recomputed, a layer keeps its input and its attention's output, and all layers share the rest.
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { Queue } from "../gpu/queue.js";
import { weightOwners } from "../kernels/linear/backward.js";
import { mostSlabs } from "../kernels/linear/weight-slabs.js";
import type { ModelShape } from "./shape.js";

/** Activations of one layer, (rows, ·). Names as in Gpt2Arena. */
export interface LayerActivations {
  readonly input: GpuBuffer;
  readonly normalised1: GpuBuffer;
  readonly query: GpuBuffer;
  readonly keyValue: GpuBuffer;
  readonly attention: GpuBuffer;
  /** The residual stream after attention. */
  readonly middle: GpuBuffer;
  readonly normalised2: GpuBuffer;
  /** What the MLP's activation is applied to, and what comes out. */
  readonly preActivation: GpuBuffer;
  readonly hidden: GpuBuffer;
  readonly dInput: GpuBuffer;
  readonly dNormalised1: GpuBuffer;
  readonly dQuery: GpuBuffer;
  readonly dKeyValue: GpuBuffer;
  readonly dAttention: GpuBuffer;
  readonly dMiddle: GpuBuffer;
  readonly dNormalised2: GpuBuffer;
  readonly dPreActivation: GpuBuffer;
  /** Mean and scale of each row, for the gradients of the norms' weights. */
  readonly norm1Stats: GpuBuffer;
  readonly norm2Stats: GpuBuffer;
  /** Log-sum-exp and δ of each row and head. */
  readonly attentionStats: GpuBuffer;
}

/** Room for the sums of a weight and its bias over each slab of rows. */
export interface PartialSums {
  readonly weight: GpuBuffer;
  readonly bias: GpuBuffer;
}

export interface TrainingArenaOptions {
  readonly rows: number;
  /** Rows of logits. */
  readonly chunkRows: number;
  /**
   * Keep what segments begin with, and share all else among layers. The queue must then end a level (of `ranks.ts`) before it
   * begins the next, and form the weight gradients of a segment right behind its slices' gradients.
   */
  readonly recompute: boolean;
}

export class TrainingArena {
  readonly queue: Queue;
  readonly rows: number;
  readonly layers: readonly LayerActivations[];
  /** The residual stream after the last layer, and its gradient. */
  readonly output: GpuBuffer;
  readonly dOutput: GpuBuffer;
  readonly finalNormalised: GpuBuffer;
  readonly dFinalNormalised: GpuBuffer;
  readonly finalStats: GpuBuffer;
  /** Logits of a chunk of rows, then their gradient. */
  readonly logits: GpuBuffer;
  readonly chunkRows: number;
  readonly recompute: boolean;
  /** One loss per row that has a target; behind `rows` of them, room for a chunk whose losses nobody reads. */
  readonly loss: GpuBuffer;
  /** Of whatever weight's gradient is being formed from slabs of rows. */
  readonly partials: PartialSums;
  readonly rowInfo: GpuBuffer;
  readonly pageTable: GpuBuffer;
  readonly #buffers: GpuBuffer[] = [];

  constructor(queue: Queue, dimensions: ModelShape, options: TrainingArenaOptions) {
    const { rows, chunkRows, recompute } = options;
    this.queue = queue;
    this.rows = rows;
    this.chunkRows = chunkRows;
    this.recompute = recompute;
    const { channelVectors: C, attentionVectors: A, hiddenVectors: F, heads } = dimensions;
    const create = (role: string, sizeBytes: number): GpuBuffer => {
      const usage = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget;
      const buffer = queue.createBuffer(`training.${role}`, sizeBytes, usage);
      this.#buffers.push(buffer);
      return buffer;
    };
    const perRow = (role: string, vectors: number): GpuBuffer => create(role, 16 * vectors * rows);
    const ofAllLayers = new Map<string, GpuBuffer>();
    try {
      this.layers = Array.from({ length: dimensions.layers }, (_, layer) => {
        const own = (role: string, vectors: number): GpuBuffer => perRow(`${role}-${layer}`, vectors);
        const shared = (role: string, vectors: number): GpuBuffer => {
          if (!recompute) return own(role, vectors);
          let buffer = ofAllLayers.get(role);
          if (!buffer) ofAllLayers.set(role, (buffer = perRow(role, vectors)));
          return buffer;
        };
        return {
          input: own("input", C),
          normalised1: shared("normalised1", C),
          query: shared("query", A),
          keyValue: shared("keyValue", 2 * A),
          attention: own("attention", A),
          middle: shared("middle", C),
          normalised2: shared("normalised2", C),
          preActivation: shared("preActivation", F),
          hidden: shared("hidden", F),
          dInput: shared("dInput", C),
          dNormalised1: shared("dNormalised1", C),
          dQuery: shared("dQuery", A),
          dKeyValue: shared("dKeyValue", 2 * A),
          dAttention: shared("dAttention", A),
          dMiddle: shared("dMiddle", C),
          dNormalised2: shared("dNormalised2", C),
          dPreActivation: shared("dPreActivation", F),
          norm1Stats: shared("norm1Stats", 1 / 2),
          norm2Stats: shared("norm2Stats", 1 / 2),
          attentionStats: shared("attentionStats", heads / 2),
        };
      });
      this.output = perRow("output", C);
      this.dOutput = perRow("dOutput", C);
      this.finalNormalised = perRow("finalNormalised", C);
      this.dFinalNormalised = perRow("dFinalNormalised", C);
      this.finalStats = create("finalStats", 8 * rows);
      this.logits = create("logits", 16 * dimensions.vocabularyVectors * chunkRows);
      this.loss = create("loss", 4 * (rows + chunkRows));
      this.partials = {
        weight: create("partialWeight", 16 * partialVectors(dimensions, rows, (K, N) => 4 * K * N)),
        bias: create("partialBias", 16 * partialVectors(dimensions, rows, (_, N) => N)),
      };
      this.rowInfo = perRow("rowInfo", 1);
      this.pageTable = create("pageTable", 4 * rows);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** The residual stream before layer `layer`, and after the last one for the layer after it. */
  residual(layer: number): GpuBuffer {
    return this.layers[layer]?.input ?? this.output;
  }

  dResidual(layer: number): GpuBuffer {
    return this.layers[layer]?.dInput ?? this.dOutput;
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.dispose();
    this.queue.pipelines.forgetBindGroups();
  }
}

/** The most vec4s that the sums over slabs of up to `rows` rows take, where `vectorsOf` is what one sum of a weight takes. */
function partialVectors(
  { channelVectors: C, attentionVectors: A, hiddenVectors: F }: ModelShape,
  rows: number,
  vectorsOf: (inputVectors: number, outputVectors: number) => number,
): number {
  const needs = (owners: number, vectors: number): number => {
    const slabs = mostSlabs(rows, owners);
    return slabs > 1 ? slabs * vectors : 1;
  };
  const products = [
    [C, A],
    [C, 2 * A],
    [A, C],
    [C, F],
    [F, C],
  ] as const;
  return Math.max(
    needs(C, C), // a norm
    ...products.map(([K, N]) => needs(weightOwners(K, N), vectorsOf(K, N))),
  );
}
