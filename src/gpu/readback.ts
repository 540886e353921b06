// Copies results of one submission to the host. Knows nothing of what they mean.
import type { GpuBuffer } from "./buffer.js";
import { BufferUsage } from "./flags.js";
import type { CommandList } from "./command-list.js";
import type { Queue } from "./queue.js";
import { readBuffer } from "./read-buffer.js";

/** A host-readable copy of ranges of GPU buffers, filled by one submission and read once. */
export class Readback {
  readonly #queue: Queue;
  readonly #buffer: GpuBuffer;
  #filledBytes = 0;

  constructor(queue: Queue, sizeBytes: number) {
    this.#queue = queue;
    this.#buffer = queue.createBuffer("readback", sizeBytes, BufferUsage.copyTarget | BufferUsage.mapRead);
  }

  /** Appends a copy of `sizeBytes` (a multiple of 4) of `from`; returns where it lies in the result. */
  copy(list: CommandList, from: GpuBuffer, fromBytes: number, sizeBytes: number): number {
    const at = this.#filledBytes;
    if (at === 0) list.attach(this);
    list.copy(from, fromBytes, this.#buffer, at, sizeBytes);
    this.#filledBytes += sizeBytes;
    return at;
  }

  /** Waits for the submission, returns the bytes and frees the buffer, also when the device fails meanwhile. */
  async read(): Promise<ArrayBuffer> {
    try {
      return await readBuffer(this.#queue, this.#buffer, this.#filledBytes);
    } finally {
      this.#buffer.dispose();
    }
  }

  dispose(): void {
    this.#buffer.dispose();
  }
}
