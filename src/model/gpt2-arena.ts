// The activations of one forward run on one queue: a row per token of every sentence the queue works on, no padding.
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { Queue } from "../gpu/queue.js";
import type { ModelShape } from "./shape.js";

export class Gpt2Arena {
  readonly queue: Queue;
  readonly rows: number;
  /** The residual stream, (rows, C). */
  readonly residual: GpuBuffer;
  /** What the last norm wrote, (rows, C); after the last segment, the final hidden rows. */
  readonly normalised: GpuBuffer;
  /** (rows, H, D). */
  readonly query: GpuBuffer;
  /** (rows, 2, H, D) of each layer, or of all layers in turn where there is one. */
  readonly keyValue: readonly GpuBuffer[];
  /** (rows, H, D). */
  readonly attention: GpuBuffer;
  /** (rows, F). */
  readonly hidden: GpuBuffer;
  /** (rows, 4) u32: token, position, first entry of the sentence in the page table, its length. */
  readonly rowInfo: GpuBuffer;
  readonly #scratch = new Map<string, GpuBuffer>();
  /** Scratch that was too small. A command list not yet submitted may still use it. */
  readonly #outgrown: GpuBuffer[] = [];

  constructor(queue: Queue, dimensions: ModelShape, rows: number, keyValueBuffers: number) {
    this.queue = queue;
    this.rows = rows;
    const create = (role: string, vectors: number): GpuBuffer =>
      queue.createBuffer(
        `arena.${role}`,
        16 * vectors * rows,
        BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
      );
    this.residual = create("residual", dimensions.channelVectors);
    this.normalised = create("normalised", dimensions.channelVectors);
    this.query = create("query", dimensions.attentionVectors);
    this.keyValue = Array.from({ length: keyValueBuffers }, (_, layer) =>
      create(`keyValue-${layer}`, 2 * dimensions.attentionVectors),
    );
    this.attention = create("attention", dimensions.attentionVectors);
    this.hidden = create("hidden", dimensions.hiddenVectors);
    this.rowInfo = create("rowInfo", 1);
  }

  keyValueOf(layer: number): GpuBuffer {
    return this.keyValue[this.keyValue.length === 1 ? 0 : layer]!;
  }

  /** First cache row of every page of every sentence. */
  get pageTable(): GpuBuffer {
    return this.scratch("pageTable", 4);
  }

  /** Describes the rows of the submissions that follow, and where their sentences' keys and values lie. */
  writeRows(rowInfo: Uint32Array<ArrayBuffer>, pageTable: Uint32Array<ArrayBuffer>): void {
    const pages = this.scratch("pageTable", pageTable.byteLength);
    this.queue.device.queue.writeBuffer(this.rowInfo.raw, 0, rowInfo);
    this.queue.device.queue.writeBuffer(pages.raw, 0, pageTable);
  }

  /** A buffer of at least `sizeBytes`, the same one for the same role where it fits. Its content is not kept. */
  scratch(role: string, sizeBytes: number): GpuBuffer {
    const current = this.#scratch.get(role);
    if (current && current.sizeBytes >= sizeBytes) return current;
    if (current) this.#outgrown.push(current);
    const buffer = this.queue.createBuffer(
      `arena.${role}`,
      sizeBytes,
      BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
    );
    this.#scratch.set(role, buffer);
    return buffer;
  }

  /** Frees scratch that was outgrown. Call between runs. */
  trim(): void {
    if (this.#outgrown.length === 0) return;
    for (const buffer of this.#outgrown.splice(0)) buffer.dispose();
    this.queue.pipelines.forgetBindGroups();
  }

  dispose(): void {
    for (const buffer of [
      ...this.#scratch.values(),
      ...this.#outgrown,
      this.residual,
      this.normalised,
      this.query,
      ...this.keyValue,
      this.attention,
      this.hidden,
      this.rowInfo,
    ])
      buffer.dispose();
    this.queue.pipelines.forgetBindGroups();
  }
}
