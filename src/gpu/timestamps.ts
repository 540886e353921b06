// Measures compute passes by timestamp queries, for traces and tuning. Ticks are nanoseconds on the device's own clock.
import { BufferUsage } from "./flags.js";
import type { GpuBuffer } from "./buffer.js";
import type { Queue } from "./queue.js";
import { readBuffer } from "./read-buffer.js";

/** Begin and end of each pass of one submission, in ms on the device's clock. */
export interface PassTime {
  readonly beginMs: number;
  readonly endMs: number;
}

/** The queries of one submission. The next submission in its place of the window reuses them. */
export class TimestampSet {
  readonly maxPasses: number;
  readonly #queue: Queue;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GpuBuffer;
  readonly #read: GpuBuffer;
  #passes = 0;

  constructor(queue: Queue, maxPasses: number) {
    this.maxPasses = maxPasses;
    this.#queue = queue;
    this.#queries = queue.device.createQuerySet({
      label: "timestamps.queries",
      type: "timestamp",
      count: 2 * maxPasses,
    });
    const sizeBytes = 16 * maxPasses;
    this.#resolved = queue.createBuffer(
      "timestamps.resolved",
      sizeBytes,
      BufferUsage.queryResolve | BufferUsage.copySource,
    );
    this.#read = queue.createBuffer(
      "timestamps.read",
      sizeBytes,
      BufferUsage.copyTarget | BufferUsage.mapRead,
    );
  }

  writesOf(pass: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * pass,
      endOfPassWriteIndex: 2 * pass + 1,
    };
  }

  /** Adds the copy of the results, after the submission's passes. */
  resolve(encoder: GPUCommandEncoder, passes: number): void {
    this.#passes = passes;
    if (passes === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, 2 * passes, this.#resolved.raw, 0);
    encoder.copyBufferToBuffer(this.#resolved.raw, 0, this.#read.raw, 0, 16 * passes);
  }

  /** Waits for the submission and returns the times of its passes. */
  async read(): Promise<PassTime[]> {
    if (this.#passes === 0) return [];
    const bytes = await readBuffer(this.#queue, this.#read, 16 * this.#passes);
    const ticks = new BigUint64Array(bytes);
    return Array.from({ length: this.#passes }, (_, pass) => ({
      beginMs: Number(ticks[2 * pass]!) / 1e6,
      endMs: Number(ticks[2 * pass + 1]!) / 1e6,
    }));
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.dispose();
    this.#read.dispose();
  }
}
