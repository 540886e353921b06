// Opens weft queues: requests adapters and devices, with all limits that the adapter has.
import { ArgumentError, DeviceError } from "../errors.js";
import { findGpu } from "./find-gpu.js";
import { throwIfAborted } from "../util/signal.js";
import { Queue, type AdapterDescription } from "./queue.js";

export interface OpenQueuesOptions {
  readonly gpu: GPU | undefined;
  readonly count: number;
  /** The index of the first queue. Default: 0. */
  readonly first?: number;
  readonly maxBindingBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const browserRemedy =
  "Check that the browser's GPU acceleration is on and its drivers are current (chrome://gpu tells). " +
  "Chromium without a GPU needs --enable-unsafe-webgpu for its software adapter.";
const nodeRemedy =
  "Install the GPU's driver (on Linux one for Vulkan), or name a software driver: Debian's package chromium-common has " +
  "SwiftShader, VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json with LD_LIBRARY_PATH=/usr/lib/chromium.";

/** Opens `count` queues, each a device of its own. Throws DeviceError ("no-webgpu", "no-adapter", "lost"). */
export async function openQueues(options: OpenQueuesOptions): Promise<Queue[]> {
  const gpu = options.gpu ? checkGpu(options.gpu) : await findGpu();
  const queues: Queue[] = [];
  try {
    for (let index = 0; index < options.count; index++) {
      throwIfAborted(options.signal, "Opening the GPU");
      queues.push(await openQueue(gpu, (options.first ?? 0) + index, options.maxBindingBytes));
    }
    return queues;
  } catch (error) {
    for (const queue of queues) queue.dispose();
    throw error;
  }
}

function checkGpu(gpu: GPU): GPU {
  if (typeof gpu.requestAdapter === "function") return gpu;
  throw new ArgumentError({
    argument: "gpu",
    expected: "an entry point to WebGPU, like navigator.gpu",
    received: gpu,
    remedy: "Leave it out for the browser's own, or in Node for that of the package webgpu.",
  });
}

async function openQueue(gpu: GPU, index: number, maxBindingBytes: number | undefined): Promise<Queue> {
  // Each device needs an adapter of its own: requestDevice consumes it.
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new DeviceError({
      reason: "no-adapter",
      problem: "WebGPU is present but gave no adapter",
      remedy: "document" in globalThis || "importScripts" in globalThis ? browserRemedy : nodeRemedy,
    });
  }
  const { features, limits } = adapter;
  const request = adapter.requestDevice({
    label: `weft.queue-${index}`,
    requiredFeatures: (["timestamp-query", "shader-f16", "subgroups"] as const).filter((name) =>
      features.has(name),
    ),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      // What a product with the norm of its input binds, where queries, keys and values are taken apart.
      maxStorageBuffersPerShaderStage: Math.min(limits.maxStorageBuffersPerShaderStage, 10),
    },
  });
  const device = await request.catch((cause: unknown) => {
    throw new DeviceError({
      reason: "lost",
      problem: `The adapter gave no device for queue ${index} (${(cause as Error).message})`,
      remedy: "Load with fewer queues, or load again: the GPU may have been reset.",
      cause,
    });
  });
  return new Queue(index, device, describe(adapter), maxBindingBytes);
}

function describe(adapter: GPUAdapter): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  const software = /swiftshader|llvmpipe|lavapipe|basic render/i;
  return {
    vendor,
    architecture,
    device,
    description,
    isSoftware: adapter.info.isFallbackAdapter || software.test(`${architecture} ${device} ${description}`),
    hasTimestamps: adapter.features.has("timestamp-query"),
    hasShaderF16: adapter.features.has("shader-f16"),
    hasSubgroups: adapter.features.has("subgroups"),
  };
}
