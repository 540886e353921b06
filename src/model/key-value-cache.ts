// Keys and values of everything one queue generates: a buffer per layer, (slots, 2, H, D), a slot per token.
import { CommandList, TABLES } from "../gpu/command-list.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import { copySlotsVariant } from "../kernels/attention/copy-slots.js";
import { invariant } from "../util/invariant.js";
import type { ModelShape } from "./shape.js";

/** The first `tokenCount` slots of a page, to be copied to another. */
export interface SlotCopy {
  readonly fromPage: number;
  readonly toPage: number;
  readonly tokenCount: number;
}

/** Bytes of one page over all layers. */
export function pageBytes({ layers, attentionVectors, pageTokens }: ModelShape): number {
  return pageTokens * layers * layerSlotBytes(attentionVectors);
}

export class KeyValueCache {
  readonly #queue: Queue;
  readonly #dimensions: ModelShape;
  #pages = 0;
  #layers: GpuBuffer[] = [];
  #copySlots: PipelineOf<typeof copySlotsVariant> | undefined;

  constructor(queue: Queue, dimensions: ModelShape) {
    this.#queue = queue;
    this.#dimensions = dimensions;
  }

  keyValueOf(layer: number): GpuBuffer {
    return this.#layers[layer]!;
  }

  /** The most pages that the bindings of the queue's adapter hold. */
  static maxPages(queue: Queue, { attentionVectors, pageTokens }: ModelShape): number {
    return Math.floor(queue.maxBindingBytes / (pageTokens * layerSlotBytes(attentionVectors)));
  }

  /** Compiles what `encodeCopies` needs. Throws ShaderError. */
  async prepare(): Promise<void> {
    this.#copySlots ??= await this.#queue.pipelines.get(copySlotsVariant);
  }

  /** Adds copies, one dispatch per layer. No page may be both copied from and to. Needs `prepare`. */
  encodeCopies(list: CommandList, copies: readonly SlotCopy[]): void {
    const slotCount = copies.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    if (slotCount === 0) return;
    invariant(this.#copySlots, "the kernel that copies slots is not compiled");
    const { attentionVectors, pageTokens } = this.#dimensions;
    const { tables } = this.#queue;
    const first = tables.reserve(2 * slotCount, 2);
    let at = first;
    for (const { fromPage, toPage, tokenCount } of copies)
      for (let token = 0; token < tokenCount; token++) {
        tables.words[at++] = fromPage * pageTokens + token;
        tables.words[at++] = toPage * pageTokens + token;
      }
    for (const KV of this.#layers)
      list.dispatch(
        this.#copySlots,
        { slotTable: TABLES, KV },
        { firstEntry: first / 2, slotCount, slotVectors: 2 * attentionVectors },
      );
  }

  /** Makes room for `pages` pages; those it has keep their content. Throws DeviceError when there is no room. */
  async grow(pages: number): Promise<void> {
    if (pages <= this.#pages) return;
    const { attentionVectors, pageTokens } = this.#dimensions;
    const layerPageBytes = pageTokens * layerSlotBytes(attentionVectors);
    const grown: GpuBuffer[] = [];
    try {
      await this.#queue.checked(() => {
        for (let layer = 0; layer < this.#dimensions.layers; layer++)
          grown.push(
            this.#queue.createBuffer(
              `cache.keyValue-${layer}`,
              pages * layerPageBytes,
              BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
            ),
          );
      });
    } catch (error) {
      for (const buffer of grown) buffer.dispose();
      throw error;
    }
    if (this.#pages > 0) {
      const list = new CommandList(this.#queue);
      for (const [layer, buffer] of grown.entries())
        list.copy(this.#layers[layer]!, 0, buffer, 0, this.#pages * layerPageBytes);
      list.submit("cache.grow");
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

function layerSlotBytes(attentionVectors: number): number {
  return 32 * attentionVectors;
}
