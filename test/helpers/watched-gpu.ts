// WebGPU whose devices a test can see and reach: how many are open, and what happens when one breaks.
import { findGpu } from "../../src/gpu/find-gpu.js";
import { BufferUsage } from "../../src/gpu/flags.js";

/** Real devices behind an entry point that remembers them. Pass `gpu` to Model.load. */
export class WatchedGpu {
  readonly gpu: GPU;
  /** Every device that was opened, in order. */
  readonly devices: GPUDevice[] = [];
  /** Called with every device as soon as it is opened. */
  onDevice: ((device: GPUDevice) => void) | undefined;

  private constructor(real: GPU) {
    const requestDevice = async (
      adapter: GPUAdapter,
      descriptor?: GPUDeviceDescriptor,
    ): Promise<GPUDevice> => {
      const device = await adapter.requestDevice(descriptor);
      this.devices.push(device);
      this.onDevice?.(device);
      return device;
    };
    const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<object | null> => {
      const adapter = await real.requestAdapter(options);
      if (!adapter) return null;
      const { features, limits, info } = adapter;
      return {
        features,
        limits,
        info,
        requestDevice: (descriptor?: GPUDeviceDescriptor) => requestDevice(adapter, descriptor),
      };
    };
    this.gpu = { requestAdapter } as unknown as GPU;
  }

  static async create(): Promise<WatchedGpu> {
    return new WatchedGpu(globalThis.realGpu ?? (await findGpu()));
  }

  /** Waits until every device is closed. A device that stays open makes the test time out. */
  async allClosed(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.lost));
  }
}

/** Makes the device report a validation error. */
export function provokeValidationError(device: GPUDevice): void {
  device.createBuffer({ label: "provoked", size: 4, usage: 0 });
}

/** Makes the device report that it has no memory at the next end of an error scope for that. */
export function pretendOutOfMemory(device: GPUDevice): void {
  const [push, pop] = [device.pushErrorScope.bind(device), device.popErrorScope.bind(device)];
  const filters: GPUErrorFilter[] = [];
  let earlier = 0;
  device.pushErrorScope = (filter) => {
    filters.push(filter);
    push(filter);
  };
  device.popErrorScope = async () => {
    // Of those that are open already: they come in pairs, validation inside, memory outside.
    const filter = filters.pop() ?? (++earlier % 2 === 0 ? "out-of-memory" : "validation");
    const error = await pop();
    if (filter !== "out-of-memory" || device.popErrorScope === pop) return error;
    device.popErrorScope = pop;
    return new GPUOutOfMemoryError("pretended");
  };
}

class GPUOutOfMemoryError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/**
 * Makes the next buffer with this label find no memory: it is unusable, and the device says so. Returns a function that tells
 * whether that has happened.
 */
export function refuseBuffer(device: GPUDevice, label: string): () => boolean {
  const create = device.createBuffer.bind(device);
  let isRefused = false;
  device.createBuffer = (descriptor) => {
    if (descriptor.label !== label) return create(descriptor);
    device.createBuffer = create;
    isRefused = true;
    pretendOutOfMemory(device);
    // No buffer may have these uses together, so this one is unusable.
    return create({ ...descriptor, usage: descriptor.usage | BufferUsage.storage | BufferUsage.mapRead });
  };
  return () => isRefused;
}
