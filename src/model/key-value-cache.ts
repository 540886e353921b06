// Keys and values of everything that one queue generates: a buffer per layer, (cache rows, 2, H, D), with a row per token, in f32
// or f16. Layers that see whole sentences have rows for all pages, those that see windows for the fewer slots.
import { TABLES, type CommandList } from "../gpu/command-list.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { CacheFormat } from "../tensor/formats.js";
import { copySlotsVariant } from "../kernels/attention/copy-slots.js";
import { invariant } from "../util/invariant.js";
import type { CacheLayers } from "./cache-layers.js";
import { keyValueRowBytes, type ModelShape } from "./shape.js";

/** The first `tokenCount` rows of a page, to be copied to another. */
export interface PageCopy {
  readonly fromPage: number;
  readonly toPage: number;
  readonly tokenCount: number;
  /** The same at layers that see windows. */
  readonly fromSlot: number | undefined;
  readonly toSlot: number | undefined;
}

export class KeyValueCache {
  readonly #queue: Queue;
  readonly #shape: ModelShape;
  readonly #format: CacheFormat;
  readonly layers: CacheLayers;
  #pages = 0;
  #slots = 0;
  /** By layer. */
  #buffers: GpuBuffer[] = [];
  #copyRows: PipelineOf<typeof copySlotsVariant> | undefined;

  constructor(queue: Queue, shape: ModelShape, format: CacheFormat, layers: CacheLayers) {
    this.layers = layers;
    this.#queue = queue;
    this.#format = format;
    this.#shape = shape;
  }

  keyValueOf(layer: number): GpuBuffer {
    return this.#buffers[layer]!;
  }

  /** Bytes of one page at one layer. */
  get layerPageBytes(): number {
    return this.#shape.pageTokens * keyValueRowBytes(this.#shape, this.#format);
  }

  /** The most pages that the bindings of the queue's adapter hold. */
  get bindablePages(): number {
    return Math.floor(this.#queue.maxBindingBytes / this.layerPageBytes);
  }

  /** Compiles what `encodeCopies` needs. Throws ShaderError. */
  async prepare(): Promise<void> {
    this.#copyRows ??= await this.#queue.pipelines.get(copySlotsVariant);
  }

  /** Adds copies, one dispatch per layer. No page may be both copied from and to. Needs `prepare`. */
  encodeCopies(list: CommandList, copies: readonly PageCopy[]): void {
    const rowCount = copies.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    if (rowCount === 0) return;
    invariant(this.#copyRows, "the kernel that copies cache rows is not compiled");
    const { whole, windowed } = this.layers;
    if (whole.length > 0) {
      const pages = copies.map(({ fromPage, toPage, tokenCount }) => [fromPage, toPage, tokenCount] as const);
      this.#encodeCopies(list, this.#copyRows, whole, pages, rowCount);
    }
    if (windowed.length > 0) {
      const slots = copies.map(
        ({ fromSlot, toSlot, tokenCount }) => [fromSlot!, toSlot!, tokenCount] as const,
      );
      this.#encodeCopies(list, this.#copyRows, windowed, slots, rowCount);
    }
  }

  #encodeCopies(
    list: CommandList,
    pipeline: PipelineOf<typeof copySlotsVariant>,
    layers: readonly number[],
    copies: readonly (readonly [from: number, to: number, tokenCount: number])[],
    rowCount: number,
  ): void {
    const { pageTokens } = this.#shape;
    const { tables } = this.#queue;
    const first = tables.reserve(2 * rowCount, 2);
    let at = first;
    for (const [from, to, tokenCount] of copies)
      for (let token = 0; token < tokenCount; token++) {
        tables.words[at++] = from * pageTokens + token;
        tables.words[at++] = to * pageTokens + token;
      }
    for (const layer of layers)
      list.dispatch(
        pipeline,
        { slotTable: TABLES, KV: this.#buffers[layer]! },
        {
          firstEntry: first / 2,
          slotCount: rowCount,
          slotVectors: keyValueRowBytes(this.#shape, this.#format) / 16,
        },
      );
  }

  /** Makes room for so many pages and slots; those it has keep their content. Throws DeviceError when there is no room. */
  async grow(pages: number, slots: number): Promise<void> {
    if (pages <= this.#pages && slots <= this.#slots) return;
    const ownBytes = this.layerPageBytes;
    const windowed = new Set(this.layers.windowed);
    // Only the layers that need it become new buffers.
    const isGrown = (layer: number): boolean =>
      windowed.has(layer) ? slots > this.#slots : pages > this.#pages;
    const grown: GpuBuffer[] = [];
    const buffers: GpuBuffer[] = [];
    try {
      await this.#queue.checked(() => {
        for (let layer = 0; layer < this.#shape.layers; layer++) {
          if (!isGrown(layer)) {
            buffers.push(this.#buffers[layer]!);
            continue;
          }
          const buffer = this.#queue.createBuffer(
            `cache.keyValue-${layer}`,
            (windowed.has(layer) ? slots : pages) * ownBytes,
            BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
          );
          grown.push(buffer);
          buffers.push(buffer);
        }
      });
    } catch (error) {
      for (const buffer of grown) buffer.dispose();
      throw error;
    }
    const before = this.#buffers.filter((_, layer) => isGrown(layer));
    if (before.length > 0) {
      // Without a CommandList, whose parameters and tables may find no memory: copies need none of them.
      const encoder = this.#queue.device.createCommandEncoder({ label: "cache.grow" });
      for (const [index, buffer] of grown.entries())
        encoder.copyBufferToBuffer(before[index]!.raw, 0, buffer.raw, 0, before[index]!.sizeBytes);
      this.#queue.device.queue.submit([encoder.finish()]);
    }
    for (const buffer of before) buffer.dispose();
    if (before.length > 0) this.#queue.pipelines.forgetBindGroups();
    this.#buffers = buffers;
    this.#pages = Math.max(pages, this.#pages);
    this.#slots = Math.max(slots, this.#slots);
  }

  /** Frees everything; it may grow again. Work in flight keeps what it reads until it is done. */
  dispose(): void {
    for (const buffer of this.#buffers) buffer.dispose();
    if (this.#buffers.length > 0) this.#queue.pipelines.forgetBindGroups();
    this.#buffers = [];
    this.#pages = 0;
    this.#slots = 0;
  }
}
