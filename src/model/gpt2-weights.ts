// One replica of a GPT-2 model's weights on one queue, in the layout of the kernels: matrices (K, N), padded.
import { ArgumentError, DeviceError } from "../errors.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { BufferUsage } from "../gpu/flags.js";
import type { Queue } from "../gpu/queue.js";
import { float32ToFloat16 } from "../tensor/dtype.js";
import { transposeMatrix } from "../tensor/transpose.js";
import { weightElementBytes, type WeightFormat } from "../tensor/weight-format.js";
import { invariant } from "../util/invariant.js";
import type { Gpt2Weight } from "../weights/read-gpt2-weights.js";
import type { Gpt2Dimensions } from "./gpt2-dimensions.js";
import { headIndex, placeMatrix, type MatrixPlacement } from "./pad-matrix.js";

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
export interface VocabularyShard {
  readonly weight: GpuBuffer;
  readonly bias: GpuBuffer;
  readonly firstToken: number;
  readonly tokenCount: number;
  /** tokenCount padded to a multiple of 4. */
  readonly stride: number;
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

/** The least magnitude that rounds to an infinity of f16. */
const BEYOND_FLOAT16 = 65520;

/** Takes weights one by one, in any order, and uploads each at once: no tensor is kept on the host. */
export class Gpt2WeightsLoader {
  readonly #queue: Queue;
  readonly #dimensions: Gpt2Dimensions;
  readonly #format: WeightFormat;
  readonly #buffers = new Map<string, GpuBuffer>();
  #uploadedBytes = 0;
  #hasHeadBias = false;

  constructor(queue: Queue, dimensions: Gpt2Dimensions, format: WeightFormat) {
    this.#queue = queue;
    this.#dimensions = dimensions;
    this.#format = format;
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

  add({ tensor, values }: Gpt2Weight): void {
    const d = this.#dimensions;
    const C = d.channels;
    const columns = 4 * d.channelVectors;
    const heads = 4 * d.attentionVectors;
    const headTo = headIndex(d.headWidth, d.headVectors);
    const key = tensor.key;
    switch (tensor.role) {
      case "wte.weight":
      case "lm_head.weight":
        for (const { firstToken, tokenCount, stride } of this.#shardRanges()) {
          const rows = values.subarray(firstToken * C, (firstToken + tokenCount) * C);
          const shard = transposeMatrix(rows, tokenCount, C);
          const placed = placeMatrix(shard, matrix(C, tokenCount, columns, stride));
          this.#uploadMatrix(`${key}@${firstToken}`, placed);
        }
        return;
      case "lm_head.bias":
        this.#hasHeadBias = true;
        for (const { firstToken, tokenCount, stride } of this.#shardRanges()) {
          const part = values.slice(firstToken, firstToken + tokenCount);
          this.#upload(`${key}@${firstToken}`, placeMatrix(part, vector(tokenCount, stride)));
        }
        return;
      case "wpe.weight":
        return this.#uploadMatrix(
          key,
          placeMatrix(values, matrix(d.contextLength, C, d.contextLength, columns)),
        );
      case "attn.c_attn.weight":
      case "attn.c_attn.bias": {
        const isWeight = tensor.role === "attn.c_attn.weight";
        const shape = isWeight ? matrix(C, 3 * C, columns, heads) : vector(3 * C, heads);
        const query = placeMatrix(values, { ...shape, columnCount: C, columnTo: headTo });
        const keyValue = placeMatrix(values, {
          ...shape,
          firstColumn: C,
          columnCount: 2 * C,
          paddedColumns: 2 * heads,
          columnTo: (index) => (index < C ? headTo(index) : heads + headTo(index - C)),
        });
        const upload = (part: string, own: Float32Array<ArrayBuffer>): void =>
          isWeight ? this.#uploadMatrix(`${key}${part}`, own) : this.#upload(`${key}${part}`, own);
        upload(".query", query);
        return upload(".keyValue", keyValue);
      }
      case "attn.c_proj.weight":
        return this.#uploadMatrix(
          key,
          placeMatrix(values, { ...matrix(C, C, heads, columns), rowTo: headTo }),
        );
      case "mlp.c_fc.weight":
        return this.#uploadMatrix(
          key,
          placeMatrix(values, matrix(C, d.hidden, columns, 4 * d.hiddenVectors)),
        );
      case "mlp.c_proj.weight":
        return this.#uploadMatrix(
          key,
          placeMatrix(values, matrix(d.hidden, C, 4 * d.hiddenVectors, columns)),
        );
      case "mlp.c_fc.bias":
        return this.#upload(key, placeMatrix(values, vector(d.hidden, 4 * d.hiddenVectors)));
      case "ln_f.weight":
      case "ln_f.bias":
      case "ln_1.weight":
      case "ln_1.bias":
      case "ln_2.weight":
      case "ln_2.bias":
      case "attn.c_proj.bias":
      case "mlp.c_proj.bias":
        return this.#upload(key, placeMatrix(values, vector(C, columns)));
      default:
        tensor.role satisfies never;
    }
  }

  /** The replica, when every tensor was added. `hasOwnHead`: the head is not the token embedding. */
  finish(hasOwnHead: boolean): Gpt2Weights {
    const d = this.#dimensions;
    const ranges = this.#shardRanges();
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
      format: this.#format,
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

  /** Shards as large as one binding may be. */
  #shardRanges(): { firstToken: number; tokenCount: number; stride: number }[] {
    const { channelVectors, vocabulary } = this.#dimensions;
    const tokenBytes = 4 * weightElementBytes[this.#format] * channelVectors;
    const most = 4 * Math.floor(this.#queue.maxBindingBytes / tokenBytes / 4);
    invariant(most > 0, "a binding holds no four tokens");
    const ranges = [];
    for (let firstToken = 0; firstToken < vocabulary; firstToken += most) {
      const tokenCount = Math.min(most, vocabulary - firstToken);
      ranges.push({ firstToken, tokenCount, stride: 4 * Math.ceil(tokenCount / 4) });
    }
    return ranges;
  }

  #uploadMatrix(key: string, values: Float32Array<ArrayBuffer>): void {
    if (this.#format === "f32") return this.#upload(key, values);
    const outside = values.findIndex((value) => Math.abs(value) >= BEYOND_FLOAT16);
    if (outside >= 0) {
      throw new ArgumentError({
        argument: "weights",
        expected: `"f32", as tensor "${key}" holds ${values[outside]} and f16 ends at 65504`,
        received: this.#format,
        remedy: 'Load the model with weights "f32".',
      });
    }
    this.#upload(key, float32ToFloat16(values));
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

function matrix(rows: number, columns: number, paddedRows: number, paddedColumns: number): MatrixPlacement {
  return { rows, columns, paddedRows, paddedColumns };
}

function vector(columns: number, paddedColumns: number): MatrixPlacement {
  return matrix(1, columns, 1, paddedColumns);
}
