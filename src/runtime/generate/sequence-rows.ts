// The rows that sampling keeps on the GPU for each sequence: its newest token and, if its options need them, counts of its tokens
// and a bias per token. A sequence that is put back loses its rows. They are rebuilt when it runs again.
import type { GpuBuffer } from "../../gpu/buffer.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Queue } from "../../gpu/queue.js";
import { IN_PROMPT } from "../../kernels/sampling/choose-token.js";
import type { Sequence } from "../../schedule/steps/sequence.js";
import { invariant } from "../../util/invariant.js";
import { alwaysBanned, BAN, type BanRules } from "./bans.js";
import { hasPenalties, type Sampling } from "./sampling.js";

export interface RowsOfSequence {
  /** Index in `sampled`. */
  readonly index: number;
  /** Rows of `counts` and `bias`. Undefined if the options need none. */
  readonly countRow: number | undefined;
  readonly biasRow: number | undefined;
}

/** Rows by which the buffers of counts and biases grow. */
const GROWTH = 16;

interface BannedTokens {
  readonly always: ReadonlySet<number>;
  readonly now: ReadonlySet<number>;
}

export class SequenceRows {
  readonly #queue: Queue;
  readonly #vocabulary: number;
  readonly #rows = new Map<Sequence, RowsOfSequence>();
  readonly #allocators: Readonly<Record<"index" | "counts" | "bias", RowAllocator>>;
  /** Tokens that are banned in the rows of biases: always, and for the moment. */
  readonly #banned = new Map<Sequence, BannedTokens>();
  readonly #buffers: Partial<Record<"sampled" | "counts" | "bias", GpuBuffer>> = {};

  constructor(queue: Queue, vocabulary: number) {
    this.#queue = queue;
    this.#vocabulary = vocabulary;
    this.#allocators = { index: new RowAllocator(), counts: new RowAllocator(), bias: new RowAllocator() };
  }

  get sampled(): GpuBuffer {
    return this.#buffers.sampled!;
  }

  get counts(): GpuBuffer {
    return this.#usable("counts", 4 * this.#vocabulary);
  }

  get bias(): GpuBuffer {
    return this.#usable("bias", 4 * this.#vocabulary);
  }

  /** Allocates the smallest buffers. */
  async prepare(): Promise<void> {
    await this.#queue.checked(() => {
      this.#usable("sampled", 4 * 1024);
      this.#usable("counts", 4 * this.#vocabulary);
      this.#usable("bias", 4 * this.#vocabulary);
    });
  }

  of(sequence: Sequence): RowsOfSequence {
    const rows = this.#rows.get(sequence);
    invariant(rows, `sequence ${sequence.id} has no rows`);
    return rows;
  }

  /** Gives a sequence its rows, filled from its tokens, unless it has them already. Call it where the queue checks. */
  take(sequence: Sequence, sampling: Sampling, promptLength: number, rules?: BanRules): void {
    if (this.#rows.has(sequence)) return;
    const hasCounts = hasPenalties(sampling);
    const hasBias = sampling.logitBias.size > 0 || rules !== undefined;
    const rows = {
      index: this.#allocators.index.take(),
      countRow: hasCounts ? this.#allocators.counts.take() : undefined,
      biasRow: hasBias ? this.#allocators.bias.take() : undefined,
    };
    invariant(4 * rows.index < this.sampled.sizeBytes, "more sequences run than have rows");
    this.#rows.set(sequence, rows);
    if (rows.countRow !== undefined) {
      const counts = new Uint32Array(this.#vocabulary);
      for (const [position, token] of sequence.tokens.entries()) {
        if (position < promptLength) counts[token]! |= IN_PROMPT;
        else counts[token]!++;
      }
      this.#writeRow("counts", rows.countRow, counts);
    }
    if (rows.biasRow !== undefined) {
      const bias = new Float32Array(this.#vocabulary);
      for (const [token, value] of sampling.logitBias) bias[token] = value;
      const always = new Set(rules ? alwaysBanned(rules) : []);
      for (const token of always) bias[token] = BAN;
      this.#banned.set(sequence, { always, now: new Set() });
      this.#writeRow("bias", rows.biasRow, bias);
    }
  }

  /** Bans these tokens, and no longer those that were banned before. Happens in order with submissions. */
  ban(sequence: Sequence, sampling: Sampling, next: ReadonlySet<number>): void {
    const { biasRow } = this.of(sequence);
    const banned = this.#banned.get(sequence);
    invariant(biasRow !== undefined && banned, "a sequence with bans has no bias");
    const { always, now } = banned;
    const write = (token: number, value: number): void => {
      if (always.has(token)) return;
      const at = 4 * (biasRow * this.#vocabulary + token);
      this.#queue.device.queue.writeBuffer(this.bias.raw, at, Float32Array.of(value));
    };
    for (const token of now) if (!next.has(token)) write(token, sampling.logitBias.get(token) ?? 0);
    for (const token of next) if (!now.has(token)) write(token, BAN);
    this.#banned.set(sequence, { always, now: next });
  }

  release(sequence: Sequence): void {
    const rows = this.#rows.get(sequence);
    if (!rows) return;
    this.#rows.delete(sequence);
    this.#banned.delete(sequence);
    this.#allocators.index.release(rows.index);
    if (rows.countRow !== undefined) this.#allocators.counts.release(rows.countRow);
    if (rows.biasRow !== undefined) this.#allocators.bias.release(rows.biasRow);
  }

  /** Releases the rows of sequences that do not fit `keep`. */
  releaseExcept(keep: (sequence: Sequence) => boolean): void {
    for (const sequence of this.#rows.keys()) if (!keep(sequence)) this.release(sequence);
  }

  dispose(): void {
    for (const buffer of Object.values(this.#buffers)) buffer.dispose();
    for (const name of ["sampled", "counts", "bias"] as const) delete this.#buffers[name];
  }

  /** Writes a row. If the buffer has no such row, writes to a larger copy of it. Happens in order with submissions. */
  #writeRow(
    name: "counts" | "bias",
    row: number,
    values: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): void {
    const rowBytes = 4 * this.#vocabulary;
    let buffer = this[name];
    if (buffer.sizeBytes < (row + 1) * rowBytes) {
      const grown = this.#create(name, (row + GROWTH) * rowBytes);
      const encoder = this.#queue.device.createCommandEncoder({ label: `sequences.${name}` });
      encoder.copyBufferToBuffer(buffer.raw, 0, grown.raw, 0, buffer.sizeBytes);
      this.#queue.device.queue.submit([encoder.finish()]);
      buffer.dispose();
      this.#queue.pipelines.forgetBindGroups();
      this.#buffers[name] = grown;
      buffer = grown;
    }
    this.#queue.device.queue.writeBuffer(buffer.raw, row * rowBytes, values);
  }

  /** The buffer of this name. It is created anew where the device has refused a larger one. */
  #usable(name: "sampled" | "counts" | "bias", leastBytes: number): GpuBuffer {
    const current = this.#buffers[name];
    if (current && !current.isDisposed) return current;
    return (this.#buffers[name] = this.#create(name, leastBytes));
  }

  #create(name: string, sizeBytes: number): GpuBuffer {
    return this.#queue.createBuffer(
      `sequences.${name}`,
      sizeBytes,
      BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
    );
  }
}

/** Allocates the lowest free number. */
class RowAllocator {
  readonly #free: number[] = [];
  #next = 0;

  take(): number {
    return this.#free.pop() ?? this.#next++;
  }

  release(row: number): void {
    this.#free.push(row);
    this.#free.sort((a, b) => b - a);
  }
}
