// What a training step keeps between forward and backward on one queue, by the values of the program.
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
  /** Rows of logits. */
  readonly chunkRows: number;
  /**
   * Keep what segments begin with, and share all else among layers. The queue must then end a rank (see schedule/) before it
   * begins the next, and form the weight gradients of a segment right behind its slices' gradients.
   */
  readonly recompute: boolean;
}

export class TrainingArena {
  readonly rows: number;
  readonly chunkRows: number;
  readonly recompute: boolean;
  /** Logits of a chunk of rows, then their gradient. */
  readonly logits: GpuBuffer;
  /** One loss per row that has a target; behind `rows` of them, room for a chunk whose losses nobody reads. */
  readonly loss: GpuBuffer;
  /** For whatever weight's gradient is being formed from slabs of rows. */
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
    const arena = new Arena(queue, rows, trainingRows(program, gradients, shape, recompute));
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
