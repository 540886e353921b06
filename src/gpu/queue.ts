// A weft queue: one GPUDevice with its one GPUQueue. WebGPU has no second queue per device, and devices share no
// buffers; so several queues are several devices, each with everything it needs.
import { DeviceError, DisposedError } from "../errors.js";
import { GpuBuffer, type MemoryCount } from "./buffer.js";
import { BufferUsage } from "./flags.js";
import { PipelineCache } from "./pipelines.js";
import { UploadBuffer } from "./upload-buffer.js";

/** Adapter facts, JSON-serialisable. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a software adapter: its figures say nothing about a GPU's speed. */
  readonly isSoftware: boolean;
  readonly hasTimestamps: boolean;
  /** Whether shaders can compute in f16. Weights stored as f16 can be read without it. */
  readonly hasShaderF16: boolean;
  /** Whether invocations of a shader can pass values to their neighbours. */
  readonly hasSubgroups: boolean;
}

/** A lost device may reject a promise this long before it reports the loss. */
const LOSS_GRACE_MS = 100;

export class Queue {
  readonly index: number;
  readonly device: GPUDevice;
  readonly adapter: AdapterDescription;
  readonly pipelines: PipelineCache;
  /** Parameters of the dispatches of the next submission. */
  readonly params: UploadBuffer;
  /** Row and block tables of the next submission. */
  readonly tables: UploadBuffer;
  /** Largest range one binding may cover, in bytes; a caller may pretend that it is smaller. */
  readonly maxBindingBytes: number;
  readonly #memory: MemoryCount = { buffers: 0, bytes: 0, peakBytes: 0 };
  readonly #buffers = new Set<GpuBuffer>();
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #onUncaptured = (event: GPUUncapturedErrorEvent): void => this.#fail(this.#refusal(event.error));
  /** The buffers that the work being checked has created. */
  #created: GpuBuffer[] | undefined;
  #failure: Error | undefined;
  #tellFailure!: (failure: Error) => void;
  /** Resolves with the first error that the device reports. */
  readonly failed: Promise<Error> = new Promise((resolve) => (this.#tellFailure = resolve));
  #disposed = false;

  constructor(index: number, device: GPUDevice, adapter: AdapterDescription, maxBindingBytes?: number) {
    this.index = index;
    this.device = device;
    this.adapter = adapter;
    this.maxBindingBytes = Math.min(
      device.limits.maxStorageBufferBindingSize,
      maxBindingBytes ?? Number.POSITIVE_INFINITY,
    );
    this.pipelines = new PipelineCache(device);
    this.params = this.#uploadBuffer("queue.params", BufferUsage.uniform);
    this.tables = this.#uploadBuffer("queue.tables", BufferUsage.storage);
    // Work for a single call runs in error scopes. An error outside of them concerns all calls.
    device.addEventListener("uncapturederror", this.#onUncaptured);
    void device.lost.then((info) => {
      this.#fail(
        info.reason === "destroyed" && this.#disposed
          ? new DisposedError("The model", "its pending work")
          : new DeviceError({
              reason: "lost",
              problem: `Queue ${index}: the GPU device was lost (${info.message || info.reason})`,
              remedy: "Dispose this model and load it again.",
            }),
      );
    });
  }

  /** The first error the device reported, or undefined. After it nothing on this queue can be trusted. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get memory(): Readonly<MemoryCount> {
    return this.#memory;
  }

  /** Starts a new peak count, for the call that follows. */
  resetPeak(): void {
    this.#memory.peakBytes = this.#memory.bytes;
  }

  /** Creates a counted buffer. Throws DeviceError ("limit") beyond the adapter's limits, DisposedError after `dispose`. */
  createBuffer(label: string, sizeBytes: number, usage: GPUBufferUsageFlags): GpuBuffer {
    if (this.#disposed) throw this.#failure!;
    const size = Math.max(16, Math.ceil(sizeBytes / 16) * 16);
    if (size > this.device.limits.maxBufferSize) {
      throw new DeviceError({
        reason: "limit",
        problem: `Buffer "${label}" needs ${size} bytes, the adapter allows ${this.device.limits.maxBufferSize}`,
        remedy: "Use a smaller batch or a smaller model.",
      });
    }
    const buffer = new GpuBuffer(this.device, this.#memory, this.#buffers, { label, size, usage });
    this.#created?.push(buffer);
    return buffer;
  }

  /** Resolves when everything submitted so far is complete; rejects when the device fails first. */
  fence(): Promise<void> {
    return this.guard(this.device.queue.onSubmittedWorkDone().then(() => undefined));
  }

  /** Waits for `promise`, or rejects as soon as the device fails, so that nothing hangs on a lost device. */
  guard<R>(promise: Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const onFailure = (error: Error): void => reject(error);
      if (this.#failure) reject(this.#failure);
      else this.#waiting.add(onFailure);
      promise.then(
        (value) => {
          this.#waiting.delete(onFailure);
          if (this.#failure) reject(this.#failure);
          else resolve(value);
        },
        (error: unknown) => {
          // A lost device rejects its promises a moment before it reports the loss, which is the better reason.
          void Promise.race([this.device.lost, wait(LOSS_GRACE_MS)]).then(() => {
            this.#waiting.delete(onFailure);
            reject(this.#failure ?? (error as Error));
          });
        },
      );
    });
  }

  /**
   * Runs `work`, which must not be async. Resolves once the device has accepted all of it. Rejects with DeviceError
   * ("out-of-memory" or "validation") if the device refused a part; the queue stays usable. Buffers that `work` created are
   * disposed then, or when it throws: one of them may be unusable, and whoever keeps it would fail with it for ever.
   */
  checked(work: () => void): Promise<void> {
    const { device } = this;
    const outer = this.#created;
    const created: GpuBuffer[] = [];
    this.#created = created;
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    let popped: Promise<(GPUError | null)[]> | undefined;
    const discard = (): void => {
      for (const buffer of created) buffer.dispose();
      this.pipelines.forgetBindGroups();
    };
    try {
      work();
    } catch (error) {
      discard();
      throw error;
    } finally {
      this.#created = outer;
      popped = Promise.all([device.popErrorScope(), device.popErrorScope()]);
      popped.catch(() => undefined); // unused when `work` throws
    }
    return this.guard(popped).then(([validation, outOfMemory]) => {
      // A buffer that found no room makes everything that uses it invalid, so running out of memory is the cause.
      const error = outOfMemory ?? validation;
      if (!error) return;
      discard();
      throw this.#refusal(error);
    });
  }

  #uploadBuffer(label: string, usage: GPUBufferUsageFlags): UploadBuffer {
    return new UploadBuffer(
      (sizeBytes) => {
        // Bind groups of the smaller buffer, which this one replaces, are of no use any more.
        this.pipelines.forgetBindGroups();
        return this.createBuffer(label, sizeBytes, usage | BufferUsage.copyTarget);
      },
      (buffer, data) => this.device.queue.writeBuffer(buffer.raw, 0, data),
    );
  }

  /** Destroys the device and with it all its buffers. Pending waits reject, with `reason` if the device had not failed before. */
  dispose(reason: Error = new DisposedError("The model", "its pending work")): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#fail(reason);
    for (const buffer of this.#buffers) buffer.dispose();
    this.pipelines.forgetBindGroups();
    // Dawn in Node keeps a device that has a listener, and all that the listener knows, for ever.
    this.device.removeEventListener("uncapturederror", this.#onUncaptured);
    this.device.destroy();
  }

  #refusal(error: GPUError): DeviceError {
    const isOutOfMemory = error.constructor.name === "GPUOutOfMemoryError";
    return new DeviceError({
      reason: isOutOfMemory ? "out-of-memory" : "validation",
      problem: `Queue ${this.index}: the device reported "${error.message.trim()}"`,
      remedy: isOutOfMemory
        ? "Use fewer queues, a smaller batch, or a smaller model."
        : "This is a defect of weft: please report it with the adapter's name.",
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#tellFailure(this.#failure);
    for (const reject of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
