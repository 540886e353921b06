// A model's weights back from the layout of the kernels to that of its files: the inverse of Gpt2WeightPlacer.
import { toFloat32 } from "../tensor/formats.js";
import type { StoredTensor } from "../files/safetensors.js";
import type { ModelShape } from "./shape.js";
import type { Gpt2Weights, LinearWeights, NormWeights } from "./gpt2-weights.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { headIndex, sameIndex, type AxisMap } from "./pad-matrix.js";

/** Float32 tensors in Hugging Face's names and shapes, from the contents of the weights' buffers. */
export function exportGpt2(
  weights: Gpt2Weights,
  dimensions: ModelShape,
  hasHeadBias: boolean,
  valuesOf: (buffer: GpuBuffer) => Float32Array<ArrayBuffer>,
): StoredTensor[] {
  const d = dimensions;
  const { channels: C, hidden: F, vocabulary: V, contextLength } = d;
  const columns = 4 * d.channelVectors;
  const heads = headIndex(d.headWidth, d.headVectors);
  const tensors: StoredTensor[] = [];
  /** Matrices may be stored as f16, two to a word. */
  const matrixOf = (buffer: GpuBuffer): Float32Array => {
    const words = valuesOf(buffer);
    return weights.format === "f32" ? words : toFloat32(new Uint8Array(words.buffer), "F16");
  };
  const add = (name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): void => {
    tensors.push({ name, dtype: "F32", shape, bytes: new Uint8Array(values.buffer) });
  };
  const addMatrix = (name: string, shape: readonly number[], places: Places): void => {
    const [rows, width] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
    add(name, shape, take(rows, width, places));
  };
  const addNorm = (name: string, { gain, bias }: NormWeights): void => {
    addMatrix(`${name}.weight`, [C], { values: valuesOf(gain), stride: columns });
    addMatrix(`${name}.bias`, [C], { values: valuesOf(bias), stride: columns });
  };
  const addLinear = (
    name: string,
    shape: readonly [number, number],
    linear: LinearWeights,
    rowFrom?: AxisMap,
  ): void => {
    const stride = 4 * linear.outputVectors;
    addMatrix(`${name}.weight`, shape, {
      values: matrixOf(linear.weight),
      stride,
      ...(rowFrom ? { rowFrom } : {}),
    });
    addMatrix(`${name}.bias`, [shape[1]], { values: valuesOf(linear.bias), stride });
  };
  const addVocabulary = (name: string, shards: Gpt2Weights["tokens"]): void => {
    const values = new Float32Array(V * C);
    for (const { weight, firstToken, tokenCount, stride } of shards) {
      const own = matrixOf(weight);
      for (let token = 0; token < tokenCount; token++)
        for (let channel = 0; channel < C; channel++)
          values[(firstToken + token) * C + channel] = own[channel * stride + token]!;
    }
    add(name, [V, C], values);
  };

  addVocabulary("wte.weight", weights.tokens);
  addMatrix("wpe.weight", [contextLength, C], { values: matrixOf(weights.positions), stride: columns });
  for (const [layer, own] of weights.layers.entries()) {
    const name = `h.${layer}`;
    addNorm(`${name}.ln_1`, own.norm1);
    for (const [part, rows, partOf] of [
      ["weight", C, matrixOf],
      ["bias", 1, valuesOf],
    ] as const) {
      const query = take(rows, C, {
        values: partOf(own.query[part]),
        stride: 4 * own.query.outputVectors,
        columnFrom: heads,
      });
      const keyValue = take(rows, 2 * C, {
        values: partOf(own.keyValue[part]),
        stride: 4 * own.keyValue.outputVectors,
        columnFrom: (column) => (column < C ? heads(column) : 4 * d.attentionVectors + heads(column - C)),
      });
      const joined = new Float32Array(rows * 3 * C);
      for (let row = 0; row < rows; row++) {
        joined.set(query.subarray(row * C, (row + 1) * C), row * 3 * C);
        joined.set(keyValue.subarray(row * 2 * C, (row + 1) * 2 * C), row * 3 * C + C);
      }
      add(`${name}.attn.c_attn.${part}`, part === "weight" ? [C, 3 * C] : [3 * C], joined);
    }
    addLinear(`${name}.attn.c_proj`, [C, C], own.projection, heads);
    addNorm(`${name}.ln_2`, own.norm2);
    addLinear(`${name}.mlp.c_fc`, [C, F], own.up);
    addLinear(`${name}.mlp.c_proj`, [F, C], own.down);
  }
  addNorm("ln_f", weights.finalNorm);
  if (weights.head !== weights.tokens) addVocabulary("lm_head.weight", weights.head);
  if (hasHeadBias) {
    const bias = new Float32Array(V);
    for (const { bias: own, firstToken, tokenCount } of weights.head)
      bias.set(valuesOf(own).subarray(0, tokenCount), firstToken);
    add("lm_head.bias", [V], bias);
  }
  return tensors;
}

/** Every buffer that `exportGpt2` reads. */
export function exportedBuffers(weights: Gpt2Weights): GpuBuffer[] {
  const buffers = new Set<GpuBuffer>([weights.positions, weights.finalNorm.gain, weights.finalNorm.bias]);
  for (const { weight, bias } of [...weights.tokens, ...weights.head]) buffers.add(weight).add(bias);
  for (const { norm1, query, keyValue, projection, norm2, up, down } of weights.layers) {
    for (const { gain, bias } of [norm1, norm2]) buffers.add(gain).add(bias);
    for (const { weight, bias } of [query, keyValue, projection, up, down]) buffers.add(weight).add(bias);
  }
  return [...buffers];
}

interface Places {
  readonly values: Float32Array;
  /** Row stride of `values`. */
  readonly stride: number;
  readonly rowFrom?: AxisMap;
  readonly columnFrom?: AxisMap;
}

/** The logical matrix (rows, columns) out of a padded one. */
function take(
  rows: number,
  columns: number,
  { values, stride, rowFrom = sameIndex, columnFrom = sameIndex }: Places,
): Float32Array<ArrayBuffer> {
  const taken = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      taken[row * columns + column] = values[rowFrom(row) * stride + columnFrom(column)]!;
  return taken;
}
