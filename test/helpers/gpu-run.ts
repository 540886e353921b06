// Runs single kernels for tests: uploads, dispatches, downloads, and fails on every error that the device reports.
import { afterAll, beforeAll, expect } from "vitest";
import { CommandList } from "../../src/gpu/command-list.js";
import { BufferUsage } from "../../src/gpu/flags.js";
import type { KernelVariant } from "../../src/gpu/kernel.js";
import { openQueues } from "../../src/gpu/open-queues.js";
import type { Queue } from "../../src/gpu/queue.js";
import { Readback } from "../../src/gpu/readback.js";
import { SeededRandom } from "./random.js";

type Values = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** One queue for all tests of a file. Afterwards it fails if anything is left allocated or an error was reported. */
export function useTestQueue(): () => Queue {
  let queue: Queue | undefined;
  beforeAll(async () => {
    [queue] = await openQueues({ gpu: undefined, count: 1 });
    const { vendor, architecture, description } = queue!.adapter;
    console.info(`adapter: ${[vendor, architecture, description].filter(Boolean).join(" ")}`);
  });
  afterAll(async () => {
    await queue?.fence();
    const failure = queue?.failure;
    queue?.dispose();
    expect(failure).toBeUndefined();
    expect(queue?.memory).toMatchObject({ buffers: 0, bytes: 0 });
  });
  return () => queue!;
}

/**
 * Dispatches one kernel. `output` names the binding that is read back; it starts as the values given for it. An f16
 * variant takes weights as the bits of f16 values, two to a word.
 */
export async function runKernel<B extends string, P extends string>(
  queue: Queue,
  variant: KernelVariant<B, P>,
  values: Readonly<Record<B, Values>>,
  params: Readonly<Record<P, number>>,
  output: NoInfer<B>,
): Promise<Float32Array<ArrayBuffer>> {
  return (await runKernelOutputs(queue, variant, values, params, [output]))[output];
}

/** Like `runKernel`, for kernels with several outputs. */
export async function runKernelOutputs<B extends string, P extends string, O extends B>(
  queue: Queue,
  variant: KernelVariant<B, P>,
  values: Readonly<Record<B, Values>>,
  params: Readonly<Record<P, number>>,
  outputs: readonly O[],
): Promise<Record<O, Float32Array<ArrayBuffer>>> {
  return runStages(queue, [variant], values, params, outputs);
}

/** Like `runKernelOutputs`, for kernels of several dispatches, whose bindings are among those of `values`. */
export async function runStages<B extends string, P extends string, O extends B>(
  queue: Queue,
  stages: readonly KernelVariant<string, P>[],
  values: Readonly<Record<B, Values>>,
  params: Readonly<Record<P, number>>,
  outputs: readonly O[],
): Promise<Record<O, Float32Array<ArrayBuffer>>> {
  const pipelines = await Promise.all(stages.map((stage) => queue.pipelines.get(stage)));
  const usage = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget;
  const names = Object.keys(values) as B[];
  const buffers = new Map(
    names.map((name) => {
      const data: Values = values[name];
      const buffer = queue.createBuffer(`test.${name}`, data.byteLength, usage);
      queue.device.queue.writeBuffer(buffer.raw, 0, data);
      return [name, buffer] as const;
    }),
  );
  try {
    const list = new CommandList(queue);
    const bindings = Object.fromEntries(buffers) as Record<B, ReturnType<Queue["createBuffer"]>>;
    for (const pipeline of pipelines) list.dispatch(pipeline, bindings, params);
    const sizeBytes = outputs.reduce((sum, output) => sum + values[output].byteLength, 0);
    const readback = new Readback(queue, sizeBytes);
    const places = outputs.map((output) =>
      readback.copy(list, buffers.get(output)!, 0, values[output].byteLength),
    );
    list.submit("test");
    const bytes = await readback.read();
    const results = outputs.map((output, index) => [
      output,
      new Float32Array(bytes, places[index], values[output].length),
    ]);
    return Object.fromEntries(results) as Record<O, Float32Array<ArrayBuffer>>;
  } finally {
    for (const buffer of buffers.values()) buffer.dispose();
    queue.pipelines.forgetBindGroups();
  }
}

/** The rows of a (rows, columns) matrix with `padded` columns, the added ones zero. */
export function padRows(
  values: ArrayLike<number>,
  columns: number,
  padded: number,
): Float32Array<ArrayBuffer> {
  const rows = values.length / columns;
  const result = new Float32Array(rows * padded);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[row * padded + column] = values[row * columns + column]!;
  return result;
}

/** The first `columns` of each row of a (rows, padded) matrix. */
export function unpadRows(values: Float32Array, columns: number, padded: number): Float32Array<ArrayBuffer> {
  const rows = values.length / padded;
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    result.set(values.subarray(row * padded, row * padded + columns), row * columns);
  return result;
}

/** The same numbers, then zeros. */
export function padLength(values: Float32Array, length: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(length);
  result.set(values);
  return result;
}

/** A (N, K) matrix as kernels store it: (K/4, N, 4), both padded to multiples of 4. */
export function storeWeight(weight: ArrayLike<number>, N: number, K: number): Float32Array<ArrayBuffer> {
  const stored = new Float32Array(pad4(K) * pad4(N));
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) stored[4 * (Math.floor(k / 4) * pad4(N) + n) + (k % 4)] = weight[n * K + k]!;
  return stored;
}

/** All rows in a fixed random order. */
export function shuffledRows(count: number): Uint32Array<ArrayBuffer> {
  const random = new SeededRandom(5);
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  for (let last = count - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [rows[last], rows[other]] = [rows[other]!, rows[last]!];
  }
  return rows;
}

/** The next multiple of 4. */
export function pad4(count: number): number {
  return 4 * Math.ceil(count / 4);
}
