// What this adapter reaches when it does nothing but read memory, or nothing but multiply and add: what weft's speed is a share of.
// On a device of its own, with kernels that are no part of weft: loaded when a GPU is checked.
import { throwIfAborted } from "../../util/signal.js";
import multiplyAddSource from "../../../shaders/gauge/multiply-add.wgsl?raw";
import readSource from "../../../shaders/gauge/read.wgsl?raw";
import { known, unknown, type Figure } from "./figures.js";

export interface Bounds {
  /** GB/s of reading a buffer that is larger than caches. */
  readonly bandwidth: Figure;
  /** GFLOP/s of multiply-adds in f32, two operations each. */
  readonly arithmetic: Figure;
}

export interface BoundsOptions {
  /** Less work, as for software adapters. */
  readonly isSmall: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** By value (https://www.w3.org/TR/webgpu/#namespacedef-gpubufferusage): Node has no globals for them. */
const usages = { copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;

/** Invocations of a workgroup, as the shaders have it. */
const GROUP = 256;

/** Floating point operations of a round of multiply-add.wgsl in one invocation: 8 vec4, two operations per number. */
const FLOPS_PER_ROUND = 64;

/** A submission lasts at least this long, so that what surrounds it hardly counts. */
const LEAST_MS = 40;
const TIMES = 3;
const MOST_DISPATCHES = 4096;

/** The most bytes of one writeBuffer. */
const CHUNK_BYTES = 2 ** 22;

/** What can't be measured is null, with its reason. @throws CancelledError. */
export async function measureBounds(
  adapter: GPUAdapter,
  { isSmall, signal }: BoundsOptions,
): Promise<Bounds> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      label: "gpu-check.bounds",
      requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
    });
  } catch (error) {
    const why = `the adapter gave no device: ${(error as Error).message}`;
    return { bandwidth: unknown(why), arithmetic: unknown(why) };
  }
  try {
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    const bandwidth = await orWhy(signal, () => measureBandwidth(device, isSmall, most, signal));
    const arithmetic = await orWhy(signal, () => measureArithmetic(device, isSmall, signal));
    return { bandwidth, arithmetic };
  } finally {
    device.destroy();
  }
}

async function orWhy(signal: AbortSignal | undefined, measure: () => Promise<number>): Promise<Figure> {
  try {
    return known(await measure());
  } catch (error) {
    throwIfAborted(signal, "Checking the GPU");
    return unknown(`it could not be measured: ${(error as Error).message}`);
  }
}

/** GB/s. */
async function measureBandwidth(
  device: GPUDevice,
  isSmall: boolean,
  mostBytes: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const groups = isSmall ? 64 : 1024;
  // The shader reads four vectors of 16 bytes at a time.
  const unit = 4 * 16 * GROUP * groups;
  const sizeBytes = unit * Math.floor(Math.min(isSmall ? 2 ** 25 : 2 ** 28, mostBytes) / unit);
  const words = createBuffer(device, "words", sizeBytes, usages.storage | usages.copyTarget);
  const sums = createBuffer(device, "sums", 4 * GROUP * groups, usages.storage);
  // Memory that holds nothing but zeros may be kept in less of it.
  const chunk = Uint32Array.from({ length: CHUNK_BYTES / 4 }, (_, index) => Math.imul(index, 0x9e3779b9));
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES)
    device.queue.writeBuffer(words, at, chunk, 0, Math.min(CHUNK_BYTES, sizeBytes - at) / 4);
  const dispatchMs = await timeDispatch(device, readSource, [words, sums], groups, signal);
  return sizeBytes / dispatchMs / 1e6;
}

/** GFLOP/s. */
async function measureArithmetic(
  device: GPUDevice,
  isSmall: boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  const groups = isSmall ? 64 : 2048;
  const rounds = isSmall ? 64 : 256;
  const params = createBuffer(device, "params", 16, usages.uniform | usages.copyTarget);
  const content = new ArrayBuffer(16);
  const values = new DataView(content);
  values.setFloat32(0, 0.999, true);
  values.setFloat32(4, 0.001, true);
  values.setUint32(8, rounds, true);
  device.queue.writeBuffer(params, 0, content);
  const sums = createBuffer(device, "sums", 4 * GROUP * groups, usages.storage);
  const dispatchMs = await timeDispatch(device, multiplyAddSource, [params, sums], groups, signal);
  return (FLOPS_PER_ROUND * rounds * GROUP * groups) / dispatchMs / 1e6;
}

function createBuffer(device: GPUDevice, name: string, size: number, usage: number): GPUBuffer {
  return device.createBuffer({ label: `gpu-check.${name}`, size, usage });
}

/** Milliseconds of one dispatch, from the fastest of several submissions that have many: wall time until the queue is done. */
async function timeDispatch(
  device: GPUDevice,
  code: string,
  buffers: readonly GPUBuffer[],
  groups: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  const pipeline = await device.createComputePipelineAsync({
    label: "gpu-check",
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
  });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const timeSubmission = async (dispatches: number): Promise<number> => {
    throwIfAborted(signal, "Checking the GPU");
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    for (let index = 0; index < dispatches; index++) pass.dispatchWorkgroups(groups);
    pass.end();
    const beganMs = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - beganMs;
  };
  await timeSubmission(1); // warms up, and waits for what was written
  const errors = [await device.popErrorScope(), await device.popErrorScope()];
  const error = errors.find((own) => own !== null);
  if (error) throw new Error(error.message);
  let dispatches = 1;
  while ((await timeSubmission(dispatches)) < LEAST_MS && dispatches < MOST_DISPATCHES) dispatches *= 2;
  const times: number[] = [];
  for (let time = 0; time < TIMES; time++) times.push(await timeSubmission(dispatches));
  return Math.min(...times) / dispatches;
}
