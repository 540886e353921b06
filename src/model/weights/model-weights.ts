// One replica of a model's weights on one queue, or a set of their gradients. Holds a buffer per piece of the parameter table, and
// returns the weights in the form that layers take.
import { DeviceError } from "../../errors.js";
import type { LookUpStep, Recipe, Role } from "../../families/recipe.js";
import type { GpuBuffer } from "../../gpu/buffer.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Queue } from "../../gpu/queue.js";
import type {
  EmbeddingWeights,
  HeadShard,
  LinearWeights,
  NormWeights,
  VocabularyShard,
} from "../../layers/weights.js";
import { invariant } from "../../util/invariant.js";
import type { Parameter } from "./parameters.js";
import { scalesName } from "./place-blocks.js";
import type { PlacedPiece } from "./place.js";

/** A piece that is trained, and its buffer. */
export interface TrainablePiece {
  /** Unique. A weight and its gradient have the same name. */
  readonly name: string;
  readonly buffer: GpuBuffer;
  readonly decays: boolean;
}

export class ModelWeights {
  readonly parameters: readonly Parameter[];
  /** The parameters that the model's files have. The others are zeros. */
  readonly stored: readonly Parameter[];
  readonly #byName: ReadonlyMap<string, Parameter>;
  readonly #buffers: ReadonlyMap<string, GpuBuffer>;
  readonly #linears = new Map<string, readonly [LinearWeights, ...LinearWeights[]]>();
  readonly #norms = new Map<string, NormWeights>();
  readonly #vocabularies = new Map<Role, readonly VocabularyShard[]>();
  readonly #heads = new Map<string, readonly HeadShard[]>();

  constructor(
    parameters: readonly Parameter[],
    stored: readonly Parameter[],
    buffers: ReadonlyMap<string, GpuBuffer>,
  ) {
    this.parameters = parameters;
    this.stored = stored;
    this.#byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
    this.#buffers = buffers;
  }

  get buffers(): readonly GpuBuffer[] {
    return [...this.#buffers.values()];
  }

  /** The buffers of these parameters, which are saved. */
  get storedBuffers(): readonly GpuBuffer[] {
    return this.trainable.flatMap(({ name, buffer }) => {
      const { scales } = this.#scalesOf(name);
      return scales ? [buffer, scales] : [buffer];
    });
  }

  /**
   * Every piece that the optimizer changes, in the order of the parameters. If a parameter has several pieces, weight and bias
   * of each piece follow one another. The norm of a gradient is summed in this order.
   */
  get trainable(): readonly TrainablePiece[] {
    const roles = [...new Set(this.stored.map(({ role, layer }) => nameOf(role, layer)))];
    const partsOf = new Map(roles.map((name) => [name, [] as Parameter[]]));
    for (const parameter of this.stored)
      partsOf.get(nameOf(parameter.role, parameter.layer))!.push(parameter);
    return roles.flatMap((role) => {
      const parts = partsOf.get(role)!;
      return parts[0]!.pieces.flatMap((_, index) =>
        parts.map(({ pieces, decays }) => {
          const { name } = pieces[index]!;
          return { name, buffer: this.bufferOf(name), decays };
        }),
      );
    });
  }

  bufferOf(piece: string): GpuBuffer {
    const buffer = this.#buffers.get(piece);
    invariant(buffer, `weight ${piece} was never added`);
    return buffer;
  }

  /** The pieces of a product, in the order of their outputs. */
  linear(role: Role, layer: number | undefined): readonly [LinearWeights, ...LinearWeights[]] {
    return cached(this.#linears, nameOf(role, layer), (name) => {
      const { inputs, pieces } = this.#parameter(`${name}.weight`);
      const biases = this.#parameter(`${name}.bias`).pieces;
      const [first, ...others] = pieces.map((piece, index): LinearWeights => ({
        format: piece.format,
        weight: this.bufferOf(piece.name),
        ...this.#scalesOf(piece.name),
        bias: this.bufferOf(biases[index]!.name),
        inputVectors: inputs!.vectors,
        outputVectors: piece.stride / 4,
        firstVector: piece.first / 4,
      }));
      return [first!, ...others];
    });
  }

  /** A product that is in one piece, as all are in float32. */
  wholeLinear(role: Role, layer: number | undefined): LinearWeights {
    const [weights, ...others] = this.linear(role, layer);
    invariant(others.length === 0, `${role} is in ${1 + others.length} pieces`);
    return weights;
  }

  norm(role: Role, layer: number | undefined): NormWeights {
    return cached(this.#norms, nameOf(role, layer), (name) => {
      const { outputs } = this.#parameter(`${name}.weight`);
      return {
        gain: this.bufferOf(`${name}.weight`),
        bias: this.bufferOf(`${name}.bias`),
        width: outputs.size,
        vectors: outputs.vectors,
      };
    });
  }

  embedding({ tokens, positions, tokenTypes }: LookUpStep): EmbeddingWeights {
    const shards = this.vocabulary(tokens);
    return {
      tokens: shards,
      positions: positions === undefined ? undefined : this.bufferOf(`${positions}.weight`),
      tokenTypes: tokenTypes === undefined ? undefined : this.bufferOf(`${tokenTypes}.weight`),
      channelVectors: shards[0]!.inputVectors,
    };
  }

  /** The shards of an embedding, or of the head's matrix. */
  vocabulary(role: Role): readonly VocabularyShard[] {
    return cached(this.#vocabularies, role, () => {
      const { inputs, pieces } = this.#parameter(`${role}.weight`);
      return pieces.map(({ name, first, count, stride, format }) => ({
        format,
        weight: this.bufferOf(name),
        ...this.#scalesOf(name),
        inputVectors: inputs!.vectors,
        outputVectors: stride / 4,
        firstToken: first,
        tokenCount: count,
        stride,
      }));
    });
  }

  /** The shards of the head: the embedding's, where it is tied to it. */
  headShards({ head }: Pick<Recipe, "head">): readonly HeadShard[] {
    return cached(this.#heads, "head", () => {
      invariant(head, "the model has no head over the vocabulary");
      const biases = this.#parameter("head.bias").pieces;
      return this.vocabulary(head.tied ? "tokens" : "head").map((shard, index) => ({
        ...shard,
        bias: this.bufferOf(biases[index]!.name),
      }));
    });
  }

  /** The same with other buffers: `create` makes one for each of these. For gradients. */
  like(create: (like: GpuBuffer) => GpuBuffer): ModelWeights {
    const buffers = new Map([...this.#buffers].map(([name, buffer]) => [name, create(buffer)]));
    return new ModelWeights(this.parameters, this.stored, buffers);
  }

  /** The scales of a piece that is quantised. */
  #scalesOf(piece: string): { readonly scales?: GpuBuffer } {
    const scales = this.#buffers.get(scalesName(piece));
    return scales ? { scales } : {};
  }

  #parameter(name: string): Parameter {
    const parameter = this.#byName.get(name);
    invariant(parameter, `the model has no parameter ${name}`);
    return parameter;
  }
}

/** Takes placed pieces one by one, in any order, and uploads each at once. Keeps none of them on the host. */
export class WeightsLoader {
  readonly #queue: Queue;
  readonly #parameters: readonly Parameter[];
  readonly #buffers = new Map<string, GpuBuffer>();
  #uploadedBytes = 0;

  constructor(queue: Queue, parameters: readonly Parameter[]) {
    this.#queue = queue;
    this.#parameters = parameters;
  }

  /** Bytes handed to the device since the last fence. The host keeps copies of them until the next one. */
  get uploadedBytes(): number {
    return this.#uploadedBytes;
  }

  async settle(): Promise<void> {
    this.#uploadedBytes = 0;
    await this.#queue.fence();
  }

  add({ name, values, atBytes = 0, sizeBytes = values.byteLength }: PlacedPiece): void {
    const { maxBindingBytes } = this.#queue;
    if (sizeBytes > maxBindingBytes) {
      throw new DeviceError({
        reason: "limit",
        problem: `Weight "${name}" has ${sizeBytes} bytes, one binding of this adapter holds ${maxBindingBytes}`,
        remedy: "Use a smaller model: of all weights only the vocabulary is split over bindings.",
      });
    }
    const usage = BufferUsage.storage | BufferUsage.copyTarget | BufferUsage.copySource;
    let buffer = this.#buffers.get(name);
    if (!buffer)
      this.#buffers.set(name, (buffer = this.#queue.createBuffer(`weights.${name}`, sizeBytes, usage)));
    this.#queue.device.queue.writeBuffer(buffer.raw, atBytes, values);
    this.#uploadedBytes += values.byteLength;
  }

  /** Returns the replica, once every tensor was added. Biases that the model does not have become zeros. */
  finish(): ModelWeights {
    const stored = this.#parameters.filter(({ pieces }) =>
      pieces.every(({ name }) => this.#buffers.has(name)),
    );
    for (const { pieces, stored: required, name } of this.#parameters)
      for (const piece of pieces)
        if (!this.#buffers.has(piece.name)) {
          invariant(required !== "always", `weight ${name} was never added`);
          this.add({ name: piece.name, values: new Float32Array(piece.elements) });
        }
    return new ModelWeights(this.#parameters, stored, this.#buffers);
  }

  /** Frees every buffer, also those of a replica that was finished. */
  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.dispose();
    this.#buffers.clear();
  }
}

const nameOf = (role: Role, layer: number | undefined): string =>
  layer === undefined ? role : `layer-${layer}.${role}`;

function cached<Weights>(known: Map<string, Weights>, key: string, make: (key: string) => Weights): Weights {
  let weights = known.get(key);
  if (!weights) known.set(key, (weights = make(key)));
  return weights;
}
