// One replica of a GPT-2 model's weights on one queue, in the layout of the kernels: matrices (K, N), padded.
import { DeviceError } from "../errors.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { Queue } from "../gpu/queue.js";
import type { WeightFormat } from "../tensor/formats.js";
import { invariant } from "../util/invariant.js";
import type { ModelShape } from "./shape.js";
import type { Gpt2WeightPlacer, PlacedWeight, ShardRange } from "./place-gpt2-weight.js";

export interface LinearWeights {
  readonly weight: GpuBuffer;
  readonly bias: GpuBuffer;
  readonly inputVectors: number;
  readonly outputVectors: number;
}

export interface NormWeights {
  readonly gain: GpuBuffer;
  readonly bias: GpuBuffer;
}

export interface LayerWeights {
  readonly norm1: NormWeights;
  readonly query: LinearWeights;
  readonly keyValue: LinearWeights;
  readonly projection: LinearWeights;
  readonly norm2: NormWeights;
  readonly up: LinearWeights;
  readonly down: LinearWeights;
}

/** Consecutive tokens of an embedding or head, (C, shardStride) each: one binding. */
export interface VocabularyShard extends ShardRange {
  readonly weight: GpuBuffer;
  readonly bias: GpuBuffer;
}

export interface Gpt2Weights {
  /** Of matrices: `weight` of linears and shards, and `positions`. */
  readonly format: WeightFormat;
  readonly tokens: readonly VocabularyShard[];
  /** The same shards as `tokens` when the head is tied to the embedding. */
  readonly head: readonly VocabularyShard[];
  readonly positions: GpuBuffer;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: NormWeights;
}

/** Takes placed weights one by one, in any order, and uploads each at once: none is kept on the host. */
export class Gpt2WeightsLoader {
  readonly #queue: Queue;
  readonly #dimensions: ModelShape;
  readonly #placer: Gpt2WeightPlacer;
  readonly #buffers = new Map<string, GpuBuffer>();
  #uploadedBytes = 0;
  #hasHeadBias = false;

  /** `placer`: of the weights that are to come. */
  constructor(queue: Queue, dimensions: ModelShape, placer: Gpt2WeightPlacer) {
    this.#queue = queue;
    this.#dimensions = dimensions;
    this.#placer = placer;
  }

  /** Bytes handed to the device since the last fence: the host keeps copies of them until then. */
  get uploadedBytes(): number {
    return this.#uploadedBytes;
  }

  /** Whether the model came with a bias of its head. */
  get hasHeadBias(): boolean {
    return this.#hasHeadBias;
  }

  async settle(): Promise<void> {
    this.#uploadedBytes = 0;
    await this.#queue.fence();
  }

  add({ key, values }: PlacedWeight): void {
    if (key.startsWith("lm_head.bias")) this.#hasHeadBias = true;
    this.#upload(key, values);
  }

  /** The replica, when every tensor was added. `hasOwnHead`: the head is not the token embedding. */
  finish(hasOwnHead: boolean): Gpt2Weights {
    const d = this.#dimensions;
    const ranges = this.#placer.shards;
    const shardsOf = (key: string): VocabularyShard[] =>
      ranges.map((range) => ({
        ...range,
        weight: this.#take(`${key}@${range.firstToken}`),
        bias: this.#headBias(range.firstToken, range.stride),
      }));
    const tokens = shardsOf("wte.weight");
    const norm = (key: string): NormWeights => ({
      gain: this.#take(`${key}.weight`),
      bias: this.#take(`${key}.bias`),
    });
    const linear = (key: string, inputVectors: number, outputVectors: number, part = ""): LinearWeights => ({
      weight: this.#take(`${key}.weight${part}`),
      bias: this.#take(`${key}.bias${part}`),
      inputVectors,
      outputVectors,
    });
    return {
      format: this.#placer.format,
      tokens,
      head: hasOwnHead ? shardsOf("lm_head.weight") : tokens,
      positions: this.#take("wpe.weight"),
      layers: Array.from({ length: d.layers }, (_, layer) => {
        const key = `h.${layer}`;
        return {
          norm1: norm(`${key}.ln_1`),
          query: linear(`${key}.attn.c_attn`, d.channelVectors, d.attentionVectors, ".query"),
          keyValue: linear(`${key}.attn.c_attn`, d.channelVectors, 2 * d.attentionVectors, ".keyValue"),
          projection: linear(`${key}.attn.c_proj`, d.attentionVectors, d.channelVectors),
          norm2: norm(`${key}.ln_2`),
          up: linear(`${key}.mlp.c_fc`, d.channelVectors, d.hiddenVectors),
          down: linear(`${key}.mlp.c_proj`, d.hiddenVectors, d.channelVectors),
        };
      }),
      finalNorm: norm("ln_f"),
    };
  }

  /** Frees every buffer, also those of a replica that was finished. */
  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.dispose();
    this.#buffers.clear();
  }

  #take(key: string): GpuBuffer {
    const buffer = this.#buffers.get(key);
    invariant(buffer, `weight ${key} was never added`);
    return buffer;
  }

  #headBias(firstToken: number, stride: number): GpuBuffer {
    const key = `lm_head.bias@${firstToken}`;
    if (!this.#buffers.has(key)) this.#upload(key, new Float32Array(stride));
    return this.#take(key);
  }

  #upload(key: string, values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>): void {
    const { maxBindingBytes } = this.#queue;
    if (values.byteLength > maxBindingBytes) {
      throw new DeviceError({
        reason: "limit",
        problem: `Weight "${key}" has ${values.byteLength} bytes, one binding of this adapter holds ${maxBindingBytes}`,
        remedy: "Use a smaller model: of all weights only the vocabulary is split over bindings.",
      });
    }
    const buffer = this.#queue.createBuffer(
      `weights.${key}`,
      values.byteLength,
      BufferUsage.storage | BufferUsage.copyTarget | BufferUsage.copySource,
    );
    this.#buffers.set(key, buffer);
    this.#queue.device.queue.writeBuffer(buffer.raw, 0, values);
    this.#uploadedBytes += values.byteLength;
  }
}
