// Arenas of one queue, kept between calls so that a steady load allocates nothing.
import { DeviceError } from "../../errors.js";
import type { Queue } from "../../gpu/queue.js";
import { bytesPerRow, forwardRows, keyValueName } from "./activations.js";
import { Arena } from "./arena.js";
import type { FusedProgram } from "../fuse.js";

/** An arena larger than the need by more than this is not taken: it would hide how much memory a call needs. */
const MAX_OVERSIZE = 4;

export class ArenaPool {
  readonly #queue: Queue;
  readonly #program: FusedProgram;
  #idle: Arena | undefined;

  constructor(queue: Queue, program: FusedProgram) {
    this.#queue = queue;
    this.#program = program;
  }

  /**
   * An arena of at least `rows` rows and `keyValueBuffers` key-value buffers.
   * Throws DeviceError ("limit" or "out-of-memory") when the device cannot hold it.
   */
  async acquire(rows: number, keyValueBuffers: number): Promise<Arena> {
    const idle = this.#idle;
    const fits =
      idle &&
      idle.rows >= rows &&
      idle.rows <= MAX_OVERSIZE * Math.max(rows, 64) &&
      // As many buffers of keys and values as asked for, and no more.
      (keyValueBuffers === 0 || idle.has(keyValueName(keyValueBuffers - 1))) &&
      !idle.has(keyValueName(keyValueBuffers));
    if (fits) {
      this.#idle = undefined;
      return idle;
    }
    this.trim();
    const buffers = forwardRows(this.#program, keyValueBuffers);
    const most = this.#maxRows();
    this.#checkLimits(rows, most);
    // Sizes grow in steps of a quarter, so that batches of about the same size share an arena.
    const step = 2 ** Math.max(4, Math.floor(Math.log2(rows)) - 2);
    const capacity = Math.min(most, Math.ceil(rows / step) * step);
    let arena: Arena | undefined;
    try {
      await this.#queue.checked(() => {
        arena = new Arena(this.#queue, capacity, buffers);
      });
      return arena!;
    } catch (error) {
      arena?.dispose();
      if (!(error instanceof DeviceError && error.reason === "out-of-memory")) throw error;
      const bytes = rows * bytesPerRow(buffers);
      throw new DeviceError({
        reason: "out-of-memory",
        problem: `Queue ${this.#queue.index} has no room for ${bytes} bytes of activations of ${rows} tokens`,
        remedy: "Pass fewer sentences per call, or load with fewer queues.",
        cause: error,
      });
    }
  }

  /** Takes an arena back; the larger of two idle ones is kept. */
  release(arena: Arena): void {
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
    const widest = Math.max(...this.#program.values.map(({ vectors }) => vectors));
    return Math.floor(this.#queue.maxBindingBytes / (16 * widest));
  }

  #checkLimits(rows: number, most: number): void {
    if (rows <= most) return;
    throw new DeviceError({
      reason: "limit",
      problem: `Queue ${this.#queue.index}: ${rows} tokens in one call, this adapter's bindings hold ${most}`,
      remedy: `Pass at most ${most} tokens per call and queue.`,
    });
  }
}
