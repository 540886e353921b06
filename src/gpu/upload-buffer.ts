// Small data for the next submission: parameters and row tables, written to the GPU once per submission.
// queue.writeBuffer is ordered with submissions, so one buffer serves all of them without waiting.
import type { GpuBuffer } from "./buffer.js";

export class UploadBuffer {
  readonly #create: (sizeBytes: number) => GpuBuffer;
  readonly #write: (buffer: GpuBuffer, data: Uint32Array<ArrayBuffer>) => void;
  #words: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  #used = 0;
  #buffer: GpuBuffer | undefined;

  constructor(
    create: (sizeBytes: number) => GpuBuffer,
    write: (buffer: GpuBuffer, data: Uint32Array<ArrayBuffer>) => void,
  ) {
    this.#create = create;
    this.#write = write;
  }

  /** Reserves `count` words at a multiple of `alignment` words; returns their index. Fill them through `words`. */
  reserve(count: number, alignment = 1): number {
    const first = Math.ceil(this.#used / alignment) * alignment;
    this.#used = first + count;
    if (this.#used > this.#words.length) {
      const grown = new Uint32Array(Math.max(this.#used, 2 * this.#words.length));
      grown.set(this.#words);
      this.#words = grown;
    }
    return first;
  }

  /** The words reserved since the last flush. Valid until the next `reserve`. */
  get words(): Uint32Array<ArrayBuffer> {
    return this.#words;
  }

  /** Writes what was reserved and starts again. `spareWords` follow the data, so that a window at its end is complete. */
  flush(spareWords = 0): GpuBuffer {
    const sizeBytes = 4 * Math.max(this.#words.length, this.#used + spareWords);
    if (!this.#buffer || this.#buffer.isDisposed || this.#buffer.sizeBytes < sizeBytes) {
      // Work that was submitted with the smaller buffer keeps it alive until it is done.
      this.#buffer?.dispose();
      this.#buffer = this.#create(sizeBytes);
    }
    if (this.#used > 0) this.#write(this.#buffer, this.#words.subarray(0, this.#used));
    this.#used = 0;
    return this.#buffer;
  }

  /** Forgets what was reserved since the last flush. */
  clear(): void {
    this.#used = 0;
  }
}
