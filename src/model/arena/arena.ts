// Buffers with a row per token of every sentence that a queue works on, without padding. They hold the activations of a forward
// pass, of generation or of a training step. Also holds what describes the rows.
import type { GpuBuffer } from "../../gpu/buffer.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Queue } from "../../gpu/queue.js";
import { invariant } from "../../util/invariant.js";
import { ROW_INFO_BYTES, type RowBuffer } from "./activations.js";

const USAGE: number = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget;

export class Arena {
  readonly queue: Queue;
  readonly rows: number;
  /** (rows, 4) u32. See `RowInfo` in rows.ts. */
  readonly rowInfo: GpuBuffer;
  /** In front of the names, in the labels of the buffers. */
  readonly #label: string;
  readonly #buffers = new Map<string, GpuBuffer>();
  readonly #scratch = new Map<string, GpuBuffer>();
  /** Scratch that was too small. A command list not yet submitted may still use it. */
  readonly #outgrown: GpuBuffer[] = [];

  /** Throws DeviceError when there is no room; nothing is left allocated then. */
  constructor(queue: Queue, rows: number, buffers: readonly RowBuffer[], label: string = "arena") {
    this.queue = queue;
    this.#label = label;
    this.rows = rows;
    try {
      for (const { name, bytesPerRow } of buffers) this.#create(name, bytesPerRow * rows);
      this.rowInfo = this.#create("rowInfo", ROW_INFO_BYTES * rows);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  has(name: string): boolean {
    return this.#buffers.has(name);
  }

  of(name: string): GpuBuffer {
    const buffer = this.#buffers.get(name);
    invariant(buffer, `the arena has no rows of "${name}"`);
    return buffer;
  }

  /** First row of keys and values of every page of every sentence. */
  get pageTable(): GpuBuffer {
    return this.scratch("pageTable", 4);
  }

  /** The same at layers whose cache has slots instead of pages. Its entries are those of the same pages. */
  get windowTable(): GpuBuffer {
    return this.scratch("windowTable", 4);
  }

  /** Describes the rows of the submissions that follow, and where their sentences' keys and values lie. */
  writeRows(
    rowInfo: Uint32Array<ArrayBuffer>,
    pageTable: Uint32Array<ArrayBuffer>,
    windowTable?: Uint32Array<ArrayBuffer>,
  ): void {
    const write = (buffer: GpuBuffer, words: Uint32Array<ArrayBuffer>): void => {
      // A queue may have none of a batch's sentences, and Deno ends with a panic where nothing is written.
      if (words.length > 0) this.queue.device.queue.writeBuffer(buffer.raw, 0, words);
    };
    write(this.rowInfo, rowInfo);
    write(this.scratch("pageTable", pageTable.byteLength), pageTable);
    if (windowTable) write(this.scratch("windowTable", windowTable.byteLength), windowTable);
  }

  /** A buffer of at least `sizeBytes`, the same one for the same name where it fits. Its content is not kept. */
  scratch(name: string, sizeBytes: number): GpuBuffer {
    const current = this.#scratch.get(name);
    if (current && !current.isDisposed && current.sizeBytes >= sizeBytes) return current;
    if (current) this.#outgrown.push(current);
    const buffer = this.queue.createBuffer(`${this.#label}.${name}`, sizeBytes, USAGE);
    this.#scratch.set(name, buffer);
    return buffer;
  }

  /** Frees scratch that was outgrown. Call between runs. */
  trim(): void {
    if (this.#outgrown.length === 0) return;
    for (const buffer of this.#outgrown.splice(0)) buffer.dispose();
    this.queue.pipelines.forgetBindGroups();
  }

  dispose(): void {
    for (const buffer of [...this.#buffers.values(), ...this.#scratch.values(), ...this.#outgrown])
      buffer.dispose();
    this.queue.pipelines.forgetBindGroups();
  }

  #create(name: string, sizeBytes: number): GpuBuffer {
    const buffer = this.queue.createBuffer(`${this.#label}.${name}`, sizeBytes, USAGE);
    this.#buffers.set(name, buffer);
    return buffer;
  }
}
