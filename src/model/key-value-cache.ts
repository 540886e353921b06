// Keys and values of everything that one queue generates: a buffer per layer, (cache rows, 2, H, D), with a row per token, in f32
// or f16.
import { TABLES, type CommandList } from "../gpu/command-list.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { CacheFormat } from "../tensor/formats.js";
import { copySlotsVariant } from "../kernels/attention/copy-slots.js";
import { invariant } from "../util/invariant.js";
import { keyValueRowBytes, type ModelShape } from "./shape.js";

/** The first `tokenCount` rows of a page, to be copied to another. */
export interface PageCopy {
  readonly fromPage: number;
  readonly toPage: number;
  readonly tokenCount: number;
}

/** Bytes of one page over all layers. */
export function pageBytes(shape: ModelShape, format: CacheFormat): number {
  return shape.layers * layerPageBytes(shape, format);
}

function layerPageBytes(shape: ModelShape, format: CacheFormat): number {
  return shape.pageTokens * keyValueRowBytes(shape, format);
}

export class KeyValueCache {
  readonly #queue: Queue;
  readonly #shape: ModelShape;
  readonly #format: CacheFormat;
  #pages = 0;
  #layers: GpuBuffer[] = [];
  #copyRows: PipelineOf<typeof copySlotsVariant> | undefined;

  constructor(queue: Queue, shape: ModelShape, format: CacheFormat) {
    this.#queue = queue;
    this.#format = format;
    this.#shape = shape;
  }

  keyValueOf(layer: number): GpuBuffer {
    return this.#layers[layer]!;
  }

  /** The most pages that the bindings of the queue's adapter hold. */
  static maxPages(queue: Queue, shape: ModelShape, format: CacheFormat): number {
    return Math.floor(queue.maxBindingBytes / layerPageBytes(shape, format));
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
    const { pageTokens } = this.#shape;
    const { tables } = this.#queue;
    const first = tables.reserve(2 * rowCount, 2);
    let at = first;
    for (const { fromPage, toPage, tokenCount } of copies)
      for (let token = 0; token < tokenCount; token++) {
        tables.words[at++] = fromPage * pageTokens + token;
        tables.words[at++] = toPage * pageTokens + token;
      }
    for (const KV of this.#layers)
      list.dispatch(
        this.#copyRows,
        { slotTable: TABLES, KV },
        {
          firstEntry: first / 2,
          slotCount: rowCount,
          slotVectors: keyValueRowBytes(this.#shape, this.#format) / 16,
        },
      );
  }

  /** Makes room for `pages` pages; those it has keep their content. Throws DeviceError when there is no room. */
  async grow(pages: number): Promise<void> {
    if (pages <= this.#pages) return;
    const ownBytes = layerPageBytes(this.#shape, this.#format);
    const grown: GpuBuffer[] = [];
    try {
      await this.#queue.checked(() => {
        for (let layer = 0; layer < this.#shape.layers; layer++)
          grown.push(
            this.#queue.createBuffer(
              `cache.keyValue-${layer}`,
              pages * ownBytes,
              BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
            ),
          );
      });
    } catch (error) {
      for (const buffer of grown) buffer.dispose();
      throw error;
    }
    if (this.#pages > 0) {
      // Without a CommandList, whose parameters and tables may find no memory: copies need none of them.
      const encoder = this.#queue.device.createCommandEncoder({ label: "cache.grow" });
      for (const [layer, buffer] of grown.entries())
        encoder.copyBufferToBuffer(this.#layers[layer]!.raw, 0, buffer.raw, 0, this.#pages * ownBytes);
      this.#queue.device.queue.submit([encoder.finish()]);
    }
    this.dispose();
    this.#layers = grown;
    this.#pages = pages;
  }

  /** Frees everything; it may grow again. Work in flight keeps what it reads until it is done. */
  dispose(): void {
    for (const buffer of this.#layers) buffer.dispose();
    if (this.#layers.length > 0) this.#queue.pipelines.forgetBindGroups();
    this.#layers = [];
    this.#pages = 0;
  }
}
