// Reading results back to the host.
import type { GpuBuffer } from "./buffer.js";
import { BufferUsage, MAP_READ } from "./flags.js";
import type { CommandList } from "./command-list.js";
import type { Queue } from "./queue.js";

/** Waits for the work on `buffer` (usage mapRead) and returns a copy of its first `sizeBytes`. */
export async function readBuffer(queue: Queue, buffer: GpuBuffer, sizeBytes: number): Promise<ArrayBuffer> {
  await queue.guard(buffer.raw.mapAsync(MAP_READ, 0, sizeBytes).then(() => undefined));
  if (queue.failure) throw queue.failure; // since a moment ago, and the buffer may be gone
  const copy = buffer.raw.getMappedRange(0, sizeBytes).slice(0);
  buffer.raw.unmap();
  return copy;
}

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
