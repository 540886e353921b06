// A GPU buffer that is counted: tests and memory budgets rely on knowing what is live.

/** What is live on one device, and the most that ever was. */
export interface MemoryCount {
  buffers: number;
  bytes: number;
  peakBytes: number;
}

let nextId = 1;

/** Owns one GPUBuffer. `id` is unique in the process and names the buffer in bind group keys. */
export class GpuBuffer {
  readonly id: number = nextId++;
  readonly raw: GPUBuffer;
  readonly sizeBytes: number;
  readonly #count: MemoryCount;
  #live = true;

  constructor(device: GPUDevice, count: MemoryCount, descriptor: GPUBufferDescriptor) {
    this.raw = device.createBuffer(descriptor);
    this.sizeBytes = descriptor.size;
    this.#count = count;
    count.buffers++;
    count.bytes += this.sizeBytes;
    count.peakBytes = Math.max(count.peakBytes, count.bytes);
  }

  /** Frees the memory once submitted work is done with it. Disposing twice is allowed. */
  dispose(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#count.buffers--;
    this.#count.bytes -= this.sizeBytes;
    this.raw.destroy();
  }
}
