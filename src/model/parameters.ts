// The trainable tensors of a model on one queue: a list for the optimizer, and a like structure for their gradients.
import type { GpuBuffer } from "../gpu/buffer.js";
import type {
  Gpt2Weights,
  LayerWeights,
  LinearWeights,
  NormWeights,
  VocabularyShard,
} from "./gpt2-weights.js";

/** One tensor as the optimizer sees it, in the layout of the kernels: padded, and zero where it is. */
export interface Parameter {
  /** Unique; the same for a tensor and its gradient. */
  readonly name: string;
  readonly buffer: GpuBuffer;
  /** Whether weight decay applies: matrices and embeddings, not biases and norms, as GPT-2 was trained. */
  readonly decays: boolean;
}

/** Every trainable tensor, in an order that depends on the model's shape alone. */
export function listParameters(weights: Gpt2Weights, hasHeadBias: boolean): Parameter[] {
  const parameters: Parameter[] = [];
  const add = (name: string, buffer: GpuBuffer, decays: boolean): void => {
    parameters.push({ name, buffer, decays });
  };
  const addNorm = (name: string, norm: NormWeights): void => {
    add(`${name}.gain`, norm.gain, false);
    add(`${name}.bias`, norm.bias, false);
  };
  const addLinear = (name: string, linear: LinearWeights): void => {
    add(`${name}.weight`, linear.weight, true);
    add(`${name}.bias`, linear.bias, false);
  };
  for (const shard of weights.tokens) add(`tokens@${shard.firstToken}`, shard.weight, true);
  add("positions", weights.positions, true);
  for (const [index, layer] of weights.layers.entries()) {
    const name = `layer-${index}`;
    addNorm(`${name}.norm1`, layer.norm1);
    addLinear(`${name}.query`, layer.query);
    addLinear(`${name}.keyValue`, layer.keyValue);
    addLinear(`${name}.projection`, layer.projection);
    addNorm(`${name}.norm2`, layer.norm2);
    addLinear(`${name}.up`, layer.up);
    addLinear(`${name}.down`, layer.down);
  }
  addNorm("finalNorm", weights.finalNorm);
  for (const shard of weights.head) {
    if (weights.head !== weights.tokens) add(`head@${shard.firstToken}`, shard.weight, true);
    if (hasHeadBias) add(`headBias@${shard.firstToken}`, shard.bias, false);
  }
  return parameters;
}

/** The same structure over buffers of the same sizes that `create` makes: for gradients. */
export function mirrorWeights(
  weights: Gpt2Weights,
  create: (like: GpuBuffer) => GpuBuffer,
): { readonly mirror: Gpt2Weights; readonly buffers: readonly GpuBuffer[] } {
  const made = new Map<GpuBuffer, GpuBuffer>();
  const like = (buffer: GpuBuffer): GpuBuffer => {
    let copy = made.get(buffer);
    if (!copy) made.set(buffer, (copy = create(buffer)));
    return copy;
  };
  const norm = ({ gain, bias }: NormWeights): NormWeights => ({ gain: like(gain), bias: like(bias) });
  const linear = (own: LinearWeights): LinearWeights => ({
    ...own,
    weight: like(own.weight),
    bias: like(own.bias),
  });
  const shards = (own: readonly VocabularyShard[]): VocabularyShard[] =>
    own.map((shard) => ({ ...shard, weight: like(shard.weight), bias: like(shard.bias) }));
  const tokens = shards(weights.tokens);
  const mirror: Gpt2Weights = {
    format: weights.format,
    tokens,
    head: weights.head === weights.tokens ? tokens : shards(weights.head),
    positions: like(weights.positions),
    layers: weights.layers.map((layer): LayerWeights => ({
      norm1: norm(layer.norm1),
      query: linear(layer.query),
      keyValue: linear(layer.keyValue),
      projection: linear(layer.projection),
      norm2: norm(layer.norm2),
      up: linear(layer.up),
      down: linear(layer.down),
    })),
    finalNorm: norm(weights.finalNorm),
  };
  return { mirror, buffers: [...made.values()] };
}
