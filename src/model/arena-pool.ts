// Arenas of one queue, kept between calls so that a steady load allocates nothing.
import { DeviceError } from "../errors.js";
import type { Queue } from "../gpu/queue.js";
import { Gpt2Arena } from "./gpt2-arena.js";
import { activationBytesPerRow, type ModelShape } from "./shape.js";

/** An arena larger than the need by more than this is not taken: it would hide how much memory a call needs. */
const MAX_OVERSIZE = 4;

export class ArenaPool {
  readonly #queue: Queue;
  readonly #dimensions: ModelShape;
  #idle: Gpt2Arena | undefined;

  constructor(queue: Queue, dimensions: ModelShape) {
    this.#queue = queue;
    this.#dimensions = dimensions;
  }

  /**
   * An arena of at least `rows` rows and `keyValueBuffers` key-value buffers.
   * Throws DeviceError ("limit" or "out-of-memory") when the device cannot hold it.
   */
  async acquire(rows: number, keyValueBuffers: number): Promise<Gpt2Arena> {
    const idle = this.#idle;
    const fits =
      idle &&
      idle.rows >= rows &&
      idle.rows <= MAX_OVERSIZE * Math.max(rows, 64) &&
      idle.keyValue.length === keyValueBuffers;
    if (fits) {
      this.#idle = undefined;
      return idle;
    }
    this.trim();
    this.#checkLimits(rows);
    // Sizes grow in steps of a quarter, so that batches of about the same size share an arena.
    const step = 2 ** Math.max(4, Math.floor(Math.log2(rows)) - 2);
    const capacity = Math.min(this.#maxRows(), Math.ceil(rows / step) * step);
    let arena: Gpt2Arena | undefined;
    try {
      await this.#queue.checked(() => {
        arena = new Gpt2Arena(this.#queue, this.#dimensions, capacity, keyValueBuffers);
      });
      return arena!;
    } catch (error) {
      arena?.dispose();
      if (!(error instanceof DeviceError && error.reason === "out-of-memory")) throw error;
      const bytes = rows * activationBytesPerRow(this.#dimensions, keyValueBuffers);
      throw new DeviceError({
        reason: "out-of-memory",
        problem: `Queue ${this.#queue.index} has no room for ${bytes} bytes of activations of ${rows} tokens`,
        remedy: "Pass fewer sentences per call, or load with fewer queues.",
        cause: error,
      });
    }
  }

  /** Takes an arena back; the larger of two idle ones is kept. */
  release(arena: Gpt2Arena): void {
    arena.trim();
    const smaller = this.#idle && this.#idle.rows <= arena.rows ? this.#idle : arena;
    if (smaller !== arena || !this.#idle) this.#idle = arena;
    if (smaller !== this.#idle) smaller.dispose();
  }

  /** Frees the idle arena. */
  trim(): void {
    this.#idle?.dispose();
    this.#idle = undefined;
  }

  #maxRows(): number {
    const { hiddenVectors, attentionVectors } = this.#dimensions;
    return Math.floor(this.#queue.maxBindingBytes / (16 * Math.max(hiddenVectors, 2 * attentionVectors)));
  }

  #checkLimits(rows: number): void {
    const most = this.#maxRows();
    if (rows <= most) return;
    throw new DeviceError({
      reason: "limit",
      problem: `Queue ${this.#queue.index}: ${rows} tokens in one call, this adapter's bindings hold ${most}`,
      remedy: `Pass at most ${most} tokens per call and queue.`,
    });
  }
}
