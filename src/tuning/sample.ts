// Work for a kernel on buffers of its own, for measuring or verifying it. A kernel may be several dispatches, one after the other,
// which all get the same parameters.
import { CommandList } from "../gpu/command-list.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { Pipeline } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import { Readback } from "../gpu/readback.js";
import { TimestampSet } from "../gpu/timestamps.js";
import { throwIfAborted } from "../util/signal.js";

export type SampleValues = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** The dispatches of a kernel, in order. Their bindings are among those of the sample. */
export type SampledKernel<P extends string> = readonly Pipeline<string, P>[];

/** For each binding, what its buffer contains at first, or its size in bytes if zeros will do. */
export type SampleContents<B extends string> = Readonly<Record<B, SampleValues | number>>;

export interface KernelSample<B extends string, P extends string> {
  readonly contents: SampleContents<B>;
  readonly params: Readonly<Record<P, number>>;
}

/** GPU time of a submission that is long enough to count, and the most runs of a kernel in it. */
const LEAST_MS = 2;
const MOST_RUNS = 512;
/** Without a GPU clock, the times include the wait for the fence, which is up to 3 ms. */
const LEAST_MS_BY_WALL = 20;
/** A kernel so much slower than the best is not timed a second time. */
const HOPELESS = 1.5;

/** The buffers of a sample on a queue. Dispose them. */
export class SampleBuffers<B extends string, P extends string> {
  readonly #queue: Queue;
  readonly #params: Readonly<Record<P, number>>;
  readonly #buffers: Readonly<Record<B, GpuBuffer>>;

  private constructor(queue: Queue, params: Readonly<Record<P, number>>, buffers: Record<B, GpuBuffer>) {
    this.#queue = queue;
    this.#params = params;
    this.#buffers = buffers;
  }

  /** Throws DeviceError when there is no room. */
  static async create<B extends string, P extends string>(
    queue: Queue,
    { contents, params }: KernelSample<B, P>,
  ): Promise<SampleBuffers<B, P>> {
    const buffers: Partial<Record<B, GpuBuffer>> = {};
    try {
      await queue.checked(() => {
        for (const [name, content] of Object.entries(contents) as [B, SampleValues | number][]) {
          const sizeBytes = typeof content === "number" ? content : content.byteLength;
          const usage = BufferUsage.storage | BufferUsage.copyTarget | BufferUsage.copySource;
          const buffer = queue.createBuffer(`sample.${name}`, sizeBytes, usage);
          buffers[name] = buffer;
          if (typeof content !== "number") queue.device.queue.writeBuffer(buffer.raw, 0, content);
        }
      });
    } catch (error) {
      for (const buffer of Object.values<GpuBuffer>(buffers as Record<B, GpuBuffer>)) buffer.dispose();
      throw error;
    }
    return new SampleBuffers(queue, params, buffers as Record<B, GpuBuffer>);
  }

  /** Returns the contents of a binding after the kernel ran once. */
  async run(kernel: SampledKernel<P>, output: B): Promise<Float32Array> {
    const buffer = this.#buffers[output];
    const list = new CommandList(this.#queue);
    for (const pipeline of kernel) list.dispatch(pipeline, this.#buffers, this.#params);
    const readback = new Readback(this.#queue, buffer.sizeBytes);
    readback.copy(list, buffer, 0, buffer.sizeBytes);
    list.submit("sample");
    return new Float32Array(await readback.read());
  }

  /** Milliseconds per run of the kernel, by the GPU's clock where it has one. `best`: what others took. */
  async time(kernel: SampledKernel<P>, best: number, signal: AbortSignal | undefined): Promise<number> {
    const hasClock = this.#queue.adapter.hasTimestamps;
    const timestamps = hasClock ? new TimestampSet(this.#queue, 1) : undefined;
    const leastMs = hasClock ? LEAST_MS : LEAST_MS_BY_WALL;
    try {
      // The first run of a pipeline may compile it.
      await this.#timeRun(kernel, 1, timestamps, signal);
      let runs = 1;
      let totalMs = await this.#timeRun(kernel, runs, timestamps, signal);
      while (totalMs < leastMs && runs < MOST_RUNS) {
        runs *= 4;
        totalMs = await this.#timeRun(kernel, runs, timestamps, signal);
      }
      if (totalMs / runs < HOPELESS * best)
        for (let again = 0; again < 2; again++)
          totalMs = Math.min(totalMs, await this.#timeRun(kernel, runs, timestamps, signal));
      return totalMs / runs;
    } finally {
      timestamps?.dispose();
    }
  }

  /** Resolves when `runs` runs of the kernel, submitted at once, are done. */
  async repeat(kernel: SampledKernel<P>, runs: number): Promise<void> {
    this.#encode(kernel, runs).submit("sample");
    await this.#queue.fence();
  }

  dispose(): void {
    for (const buffer of Object.values<GpuBuffer>(this.#buffers)) buffer.dispose();
    this.#queue.pipelines.forgetBindGroups();
  }

  async #timeRun(
    kernel: SampledKernel<P>,
    runs: number,
    timestamps: TimestampSet | undefined,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    throwIfAborted(signal, "Loading the model");
    const list = this.#encode(kernel, runs);
    const beginMs = performance.now();
    list.submit("sample", timestamps);
    if (!timestamps) {
      await this.#queue.fence();
      return performance.now() - beginMs;
    }
    const [pass] = await timestamps.read();
    return pass!.endMs - pass!.beginMs;
  }

  #encode(kernel: SampledKernel<P>, runs: number): CommandList {
    const list = new CommandList(this.#queue);
    list.beginPass("sample");
    for (let index = 0; index < runs; index++)
      for (const pipeline of kernel) list.dispatch(pipeline, this.#buffers, this.#params);
    return list;
  }
}
