// The gradients of all parameters on one queue: a set per share of sentences, and their sum over all shares and queues. Shares are
// added in order, whichever queue formed them.
import type { GpuBuffer } from "../../gpu/buffer.js";
import { readAll, writeAll } from "../../gpu/buffer-contents.js";
import { CommandList } from "../../gpu/command-list.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Pipeline } from "../../gpu/pipelines.js";
import type { Queue } from "../../gpu/queue.js";
import type { SumBinding } from "../../kernels/optimizer/optimizer.js";
import type { ModelWeights } from "../../model/weights/model-weights.js";

/** A gradient of every weight. `parameters` are those that are trained, in order. */
interface GradientSet {
  readonly gradients: ModelWeights;
  readonly parameters: readonly GpuBuffer[];
  readonly buffers: readonly GpuBuffer[];
}

/** The options of a queue's sets. */
interface GradientSetsOptions {
  readonly queue: Queue;
  readonly weights: ModelWeights;
  readonly add: Pipeline<SumBinding, "vectorCount">;
  /** Whether shares are added up on this queue. If so, the sum has a set of its own; else it is written to that of a share. */
  readonly addsUp: boolean;
}

export class GradientSets {
  readonly #options: GradientSetsOptions;
  /** The first holds the sum at the end. */
  readonly #sets: GradientSet[] = [];
  /** The set of each share that this queue has. */
  readonly #setOf = new Map<number, GradientSet>();

  constructor(options: GradientSetsOptions) {
    this.#options = options;
  }

  /** The sum, in the order of the parameters. */
  get sum(): readonly GpuBuffer[] {
    return this.#sets[0]!.parameters;
  }

  /** Gives each of these shares a set and returns the sets. Throws DeviceError when there is no room. */
  async assign(shares: readonly number[]): Promise<ReadonlyMap<number, ModelWeights>> {
    const first = this.#options.addsUp ? 1 : 0;
    await this.#reserve(Math.max(1, first + shares.length));
    this.#setOf.clear();
    for (const [index, share] of shares.entries()) this.#setOf.set(share, this.#sets[first + index]!);
    return new Map([...this.#setOf].map(([share, { gradients }]) => [share, gradients]));
  }

  /** Sets all gradients to zero, except the sum if it is kept from batch to batch. */
  encodeClear(list: CommandList, keepsSum: boolean): void {
    for (const [index, { buffers }] of this.#sets.entries())
      if (index > 0 || !(keepsSum && this.#options.addsUp))
        for (const buffer of buffers) list.clear(buffer, 0, buffer.sizeBytes);
  }

  /** Adds the gradients of all shares to the sum of the first queue, and copies it to the others. */
  static async addUp(queues: readonly GradientSets[], shares: number): Promise<void> {
    const [first, ...others] = queues;
    for (let share = 0; share < shares; share++) {
      const owner = queues.find((sets) => sets.#setOf.has(share))!;
      const { parameters } = owner.#setOf.get(share)!;
      await first!.#add(owner === first ? parameters : await first!.#copyHere(owner, parameters));
    }
    if (others.length === 0) return;
    const values = await readAll(first!.#options.queue, first!.sum);
    for (const other of others) writeAll(other.#options.queue, other.sum, values);
  }

  dispose(): void {
    for (const { buffers } of this.#sets) for (const buffer of buffers) buffer.dispose();
  }

  async #add(gradients: readonly GpuBuffer[]): Promise<void> {
    const { queue, add } = this.#options;
    const list = new CommandList(queue);
    for (const [index, X] of gradients.entries())
      list.dispatch(add, { X, Y: this.sum[index]! }, { vectorCount: X.sizeBytes / 16 });
    await queue.checked(() => list.submit("training.add"));
  }

  /** Copies another queue's gradients through the host into a set that no share uses. */
  async #copyHere(owner: GradientSets, gradients: readonly GpuBuffer[]): Promise<readonly GpuBuffer[]> {
    const values = await readAll(owner.#options.queue, gradients);
    await this.#reserve(this.#setOf.size + 2);
    const { parameters } = this.#sets.at(-1)!;
    writeAll(this.#options.queue, parameters, values);
    return parameters;
  }

  async #reserve(count: number): Promise<void> {
    while (this.#sets.length < count) this.#sets.push(await this.#create());
  }

  async #create(): Promise<GradientSet> {
    const { queue, weights } = this.#options;
    const made: GpuBuffer[] = [];
    let gradients: ModelWeights | undefined;
    try {
      await queue.checked(() => {
        const usage = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget;
        gradients = weights.like((like) => {
          const buffer = queue.createBuffer("training.gradient", like.sizeBytes, usage);
          made.push(buffer);
          return buffer;
        });
      });
    } catch (error) {
      for (const buffer of made) buffer.dispose();
      throw error;
    }
    const parameters = gradients!.trainable.map(({ buffer }) => buffer);
    return { gradients: gradients!, buffers: made, parameters };
  }
}
