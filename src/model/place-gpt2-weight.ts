// Puts a GPT-2 model's tensors into the layout of the kernels: matrices (K, N), padded. Done once for all queues.
import { ArgumentError } from "../errors.js";
import { float32ToFloat16, weightElementBytes, type WeightFormat } from "../tensor/formats.js";
import { transposeMatrix } from "../tensor/transpose.js";
import { invariant } from "../util/invariant.js";
import type { Gpt2Weight } from "./read-gpt2-weights.js";
import type { ModelShape } from "./shape.js";
import { headIndex, placeMatrix, type MatrixPlacement } from "./pad-matrix.js";

/** What one buffer of a replica holds. */
export interface PlacedWeight {
  readonly key: string;
  readonly values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
}

/** Consecutive tokens of an embedding or head. */
export interface ShardRange {
  readonly firstToken: number;
  readonly tokenCount: number;
  /** tokenCount padded to a multiple of 4. */
  readonly stride: number;
}

/** The least magnitude that rounds to an infinity of f16. */
const BEYOND_FLOAT16 = 65520;

export class Gpt2WeightPlacer {
  readonly format: WeightFormat;
  readonly #dimensions: ModelShape;
  readonly #maxBindingBytes: number;

  constructor(dimensions: ModelShape, format: WeightFormat, maxBindingBytes: number) {
    this.#dimensions = dimensions;
    this.format = format;
    this.#maxBindingBytes = maxBindingBytes;
  }

  /** One by one, so that no more than one of them is held on the host. Throws ArgumentError for what f16 cannot hold. */
  *place({ tensor, values }: Gpt2Weight): Generator<PlacedWeight, void, undefined> {
    const d = this.#dimensions;
    const C = d.channels;
    const columns = 4 * d.channelVectors;
    const heads = 4 * d.attentionVectors;
    const headTo = headIndex(d.headWidth, d.headVectors);
    const key = tensor.key;
    switch (tensor.role) {
      case "wte.weight":
      case "lm_head.weight":
        for (const { firstToken, tokenCount, stride } of this.shards) {
          const rows = values.subarray(firstToken * C, (firstToken + tokenCount) * C);
          const shard = transposeMatrix(rows, tokenCount, C);
          const placed = placeMatrix(shard, matrix(C, tokenCount, columns, stride));
          yield this.#matrix(`${key}@${firstToken}`, placed);
        }
        return;
      case "lm_head.bias":
        for (const { firstToken, tokenCount, stride } of this.shards) {
          const part = values.slice(firstToken, firstToken + tokenCount);
          yield { key: `${key}@${firstToken}`, values: placeMatrix(part, vector(tokenCount, stride)) };
        }
        return;
      case "wpe.weight":
        yield this.#matrix(key, placeMatrix(values, matrix(d.contextLength, C, d.contextLength, columns)));
        return;
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
        const place = (part: string, own: Float32Array<ArrayBuffer>): PlacedWeight =>
          isWeight ? this.#matrix(`${key}${part}`, own) : { key: `${key}${part}`, values: own };
        yield place(".query", query);
        yield place(".keyValue", keyValue);
        return;
      }
      case "attn.c_proj.weight":
        yield this.#matrix(key, placeMatrix(values, { ...matrix(C, C, heads, columns), rowTo: headTo }));
        return;
      case "mlp.c_fc.weight":
        yield this.#matrix(key, placeMatrix(values, matrix(C, d.hidden, columns, 4 * d.hiddenVectors)));
        return;
      case "mlp.c_proj.weight":
        yield this.#matrix(key, placeMatrix(values, matrix(d.hidden, C, 4 * d.hiddenVectors, columns)));
        return;
      case "mlp.c_fc.bias":
        yield { key, values: placeMatrix(values, vector(d.hidden, 4 * d.hiddenVectors)) };
        return;
      case "ln_f.weight":
      case "ln_f.bias":
      case "ln_1.weight":
      case "ln_1.bias":
      case "ln_2.weight":
      case "ln_2.bias":
      case "attn.c_proj.bias":
      case "mlp.c_proj.bias":
        yield { key, values: placeMatrix(values, vector(C, columns)) };
        return;
      default:
        tensor.role satisfies never;
    }
  }

  /** Tokens of each binding of an embedding or head: as many as it may hold. */
  get shards(): readonly ShardRange[] {
    const { channelVectors, vocabulary } = this.#dimensions;
    const tokenBytes = 4 * weightElementBytes[this.format] * channelVectors;
    const most = 4 * Math.floor(this.#maxBindingBytes / tokenBytes / 4);
    invariant(most > 0, "a binding holds no four tokens");
    const ranges = [];
    for (let firstToken = 0; firstToken < vocabulary; firstToken += most) {
      const tokenCount = Math.min(most, vocabulary - firstToken);
      ranges.push({ firstToken, tokenCount, stride: 4 * Math.ceil(tokenCount / 4) });
    }
    return ranges;
  }

  #matrix(key: string, values: Float32Array<ArrayBuffer>): PlacedWeight {
    if (this.format === "f32") return { key, values };
    const outside = values.findIndex((value) => Math.abs(value) >= BEYOND_FLOAT16);
    if (outside >= 0) {
      throw new ArgumentError({
        argument: "weights",
        expected: `"f32", as tensor "${key}" holds ${values[outside]} and f16 ends at 65504`,
        received: this.format,
        remedy: 'Load the model with weights "f32".',
      });
    }
    return { key, values: float32ToFloat16(values) };
  }
}

function matrix(rows: number, columns: number, paddedRows: number, paddedColumns: number): MatrixPlacement {
  return { rows, columns, paddedRows, paddedColumns };
}

function vector(columns: number, paddedColumns: number): MatrixPlacement {
  return matrix(1, columns, 1, paddedColumns);
}
