// Devices that are used again: most of what a test of a small model does is compiling kernels, 100 ms each on a software adapter, and
// every load opens a device of its own. Here a device that a model is done with goes to the next one, with what was compiled on it.
// Not for tests that break devices: those open real ones (WatchedGpu). With --long nothing is pooled.

/** A real device, what was compiled on it, and whether a model has it. */
interface Pooled {
  readonly device: GPUDevice;
  readonly compiled: Map<string, unknown>;
}

/** An entry point to WebGPU whose devices come from a pool. */
export function poolDevices(real: GPU): GPU {
  const free: Pooled[] = [];
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<object | null> => {
    const adapter = await real.requestAdapter(options);
    if (!adapter) return null;
    const { features, limits, info } = adapter;
    const requestDevice = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
      const pooled = free.pop() ?? {
        device: await adapter.requestDevice(descriptor),
        compiled: new Map<string, unknown>(),
      };
      return lend(pooled, () => free.push(pooled));
    };
    return { features, limits, info, requestDevice };
  };
  return { requestAdapter } as unknown as GPU;
}

/** A device that is destroyed for whoever has it, and goes back when its work is done. */
function lend({ device, compiled }: Pooled, giveBack: () => void): GPUDevice {
  let isDestroyed = false;
  let lose!: (info: object) => void;
  const lost = new Promise((resolve) => (lose = resolve));
  void device.lost.then(lose);
  const listeners = new Set<readonly [string, EventListener]>();
  /** Objects that are made of the same description are the same. */
  const once = <D extends object, R extends object>(kind: string, make: (descriptor: D) => R) => {
    return (descriptor: D): R => {
      const key = `${kind} ${JSON.stringify(descriptor, (_, value: unknown) => keyOf.get(value as object) ?? value)}`;
      const made = (compiled.get(key) as R | undefined) ?? make(descriptor);
      compiled.set(key, made);
      keyOf.set(made, key);
      return made;
    };
  };
  const own: Record<PropertyKey, unknown> = {
    lost,
    queue: facade(device.queue, {}),
    createShaderModule: once("module", (descriptor: GPUShaderModuleDescriptor) =>
      device.createShaderModule(descriptor),
    ),
    createBindGroupLayout: once("layout", (descriptor: GPUBindGroupLayoutDescriptor) =>
      device.createBindGroupLayout(descriptor),
    ),
    createPipelineLayout: once("layouts", (descriptor: GPUPipelineLayoutDescriptor) =>
      device.createPipelineLayout(descriptor),
    ),
    createComputePipelineAsync: once("pipeline", (descriptor: GPUComputePipelineDescriptor) =>
      device.createComputePipelineAsync(descriptor),
    ),
    addEventListener(type: string, listener: EventListener) {
      listeners.add([type, listener]);
      device.addEventListener(type, listener);
    },
    removeEventListener(type: string, listener: EventListener) {
      device.removeEventListener(type, listener);
    },
    destroy() {
      if (isDestroyed) return;
      isDestroyed = true;
      for (const [type, listener] of listeners) device.removeEventListener(type, listener);
      lose({ reason: "destroyed", message: "the test's model is done with it" });
      void device.queue.onSubmittedWorkDone().then(giveBack);
    },
  };
  return facade(device, own);
}

/** The keys of objects that were made once, for what is made of them. */
const keyOf = new WeakMap<object, string>();

/** `target`, but for what is in `own`, or is set later. */
function facade<T extends object>(target: T, own: Record<PropertyKey, unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in own) return own[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
    set(_, name, value) {
      own[name] = value;
      return true;
    },
  });
}
