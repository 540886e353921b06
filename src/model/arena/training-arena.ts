// The arena of a training step on one queue: a buffer per value of the program, and per gradient.
import type { GpuBuffer } from "../../gpu/buffer.js";
import type { Queue } from "../../gpu/queue.js";
import type { PartialSums } from "../../layers/weights.js";
import {
  activationName,
  attentionStatsName,
  gradientName,
  normStatsName,
  partialVectors,
  trainingRows,
} from "./activations.js";
import { Arena } from "./arena.js";
import type { ModelDefinition } from "../definition.js";
import type { GradientPlan } from "../gradients.js";
import type { ProgramNorm, Value } from "../program.js";

export interface TrainingArenaOptions {
  readonly rows: number;
  /** The rows of logits that are held at once. */
  readonly chunkRows: number;
  /**
   * Keep what halves of segments begin with, and let layers share the other buffers. The queue must then end a rank (see
   * schedule/) before it begins the next, and form a segment's weight gradients right after its slices' gradients.
   */
  readonly recompute: boolean;
}

export class TrainingArena {
  readonly rows: number;
  readonly chunkRows: number;
  readonly recompute: boolean;
  /** The logits of a chunk of rows, and later their gradient. */
  readonly logits: GpuBuffer;
  /** One loss per row that has a target. After `rows` of them there is room for a chunk whose losses nobody reads. */
  readonly loss: GpuBuffer;
  /** Room for sums over slabs of rows. All weights use it in turn. */
  readonly partials: PartialSums;
  readonly #arena: Arena;
  readonly #gradients: GradientPlan;

  constructor(
    queue: Queue,
    { program, shape }: ModelDefinition,
    gradients: GradientPlan,
    options: TrainingArenaOptions,
  ) {
    const { rows, chunkRows, recompute } = options;
    this.rows = rows;
    this.chunkRows = chunkRows;
    this.recompute = recompute;
    this.#gradients = gradients;
    const arena = new Arena(queue, rows, trainingRows(program, gradients, shape, recompute), "training");
    this.#arena = arena;
    try {
      const partials = partialVectors(program, rows);
      this.logits = arena.scratch("logits", 16 * shape.vocabularyVectors * chunkRows);
      this.loss = arena.scratch("loss", 4 * (rows + chunkRows));
      this.partials = {
        weight: arena.scratch("partialWeight", 16 * partials.weight),
        bias: arena.scratch("partialBias", 16 * partials.bias),
      };
      // No sentence has more pages than tokens.
      arena.scratch("pageTable", 4 * rows);
    } catch (error) {
      arena.dispose();
      throw error;
    }
  }

  get rowInfo(): GpuBuffer {
    return this.#arena.rowInfo;
  }

  get pageTable(): GpuBuffer {
    return this.#arena.pageTable;
  }

  activation(value: Value): GpuBuffer {
    return this.#arena.of(activationName(value, this.recompute));
  }

  gradient(value: Value): GpuBuffer {
    return this.#arena.of(gradientName(value, this.#gradients, this.recompute));
  }

  normStats(step: ProgramNorm): GpuBuffer {
    return this.#arena.of(normStatsName(step, this.recompute));
  }

  /** A buffer of at least `sizeBytes`, whose content is not kept. */
  scratch(name: string, sizeBytes: number): GpuBuffer {
    return this.#arena.scratch(name, sizeBytes);
  }

  attentionStats(layer: number): GpuBuffer {
    return this.#arena.of(attentionStatsName(layer, this.recompute));
  }

  /** Describes the rows of the step that follows. */
  writeRows(rowInfo: Uint32Array<ArrayBuffer>, pageTable: Uint32Array<ArrayBuffer>): void {
    this.#arena.writeRows(rowInfo, pageTable);
  }

  dispose(): void {
    this.#arena.dispose();
  }
}
