// A GPU buffer that is counted: tests and memory budgets rely on knowing what is live.

/** What is live on one device, and the most that ever was. */
export interface MemoryCount {
  buffers: number;
  bytes: number;
  peakBytes: number;
}

/** Live GPU buffers of one queue. */
export type QueueMemory = Readonly<MemoryCount>;

let nextId = 1;

/** Owns one GPUBuffer. `id` is unique in the process and names the buffer in bind group keys. */
export class GpuBuffer {
  readonly id: number = nextId++;
  readonly raw: GPUBuffer;
  readonly sizeBytes: number;
  readonly #count: MemoryCount;
  readonly #live: Set<GpuBuffer>;

  /** Adds itself to `live` and `count`, and takes itself out when it is disposed. */
  constructor(device: GPUDevice, count: MemoryCount, live: Set<GpuBuffer>, descriptor: GPUBufferDescriptor) {
    this.raw = device.createBuffer(descriptor);
    this.sizeBytes = descriptor.size;
    this.#count = count;
    this.#live = live;
    live.add(this);
    count.buffers++;
    count.bytes += this.sizeBytes;
    count.peakBytes = Math.max(count.peakBytes, count.bytes);
  }

  /** Whether it was disposed, also by `Queue.checked` because the device refused it. */
  get isDisposed(): boolean {
    return !this.#live.has(this);
  }

  /** Frees the memory once submitted work is done with it. Disposing twice is allowed. */
  dispose(): void {
    if (!this.#live.delete(this)) return;
    this.#count.buffers--;
    this.#count.bytes -= this.sizeBytes;
    this.raw.destroy();
  }
}
