// Loss and gradients of GPT-2 in float64: the forward pass's stages walked back, sentence by sentence.
import type { Activation } from "./activation.js";
import { activationDerivatives } from "./activation-backward.js";
import { attentionBackward } from "./attention-backward.js";
import { crossEntropyBackward } from "./cross-entropy-backward.js";
import { embeddingBackward } from "./embedding-backward.js";
import { gpt2Forward, type Gpt2ReferenceConfig, type Gpt2ReferenceWeights } from "./gpt2.js";
import { normBackward } from "./norm-backward.js";
import { linearBackwardInput, linearBackwardWeight } from "./linear-backward.js";

export interface Gpt2ReferenceGradient {
  /** In nats: the mean over all targets of all sentences. */
  readonly loss: number;
  readonly targets: number;
  /** By the weights' names and in their layout. A tied table has one gradient, from the embedding and from the head. */
  readonly gradients: ReadonlyMap<string, Float64Array>;
}

const activationByName: Readonly<Record<string, Activation>> = {
  gelu: "gelu-erf",
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  relu: "relu",
};

/** Every token of a sentence but the first is a target of those before it; sentences may have any lengths. */
export function gpt2Backward(
  config: Gpt2ReferenceConfig,
  weights: Gpt2ReferenceWeights,
  sentences: readonly (readonly number[])[],
): Gpt2ReferenceGradient {
  const gradients = new Map<string, Float64Array>();
  for (const [name, values] of weights) gradients.set(name, new Float64Array(values.length));
  const targets = sentences.reduce((sum, ids) => sum + ids.length - 1, 0);
  let loss = 0;
  for (const ids of sentences)
    if (ids.length > 1) loss += addSentence(config, weights, ids, 1 / targets, gradients);
  return { loss, targets, gradients };
}

/** Adds the gradients of scale × (sum of the sentence's losses); gives that sum times scale. */
function addSentence(
  config: Gpt2ReferenceConfig,
  weights: Gpt2ReferenceWeights,
  ids: readonly number[],
  scale: number,
  gradients: ReadonlyMap<string, Float64Array>,
): number {
  const { n_embd: C, n_head: heads, layer_norm_epsilon: epsilon } = config;
  const inputs = ids.slice(0, -1);
  const { stages, hidden, logits } = gpt2Forward(config, weights, inputs);
  const stage = (name: string): Float64Array => stages.get(name)!;
  const weight = (name: string): Float32Array | Float64Array => weights.get(name)!;
  const collect = (name: string, values: Float64Array): void => {
    const sum = gradients.get(name)!;
    for (const [index, value] of values.entries()) sum[index]! += value;
  };
  /** Back through a linear layer with weights (in, out). */
  const linear = (name: string, x: Float64Array, dY: Float64Array): Float64Array => {
    const N = weight(`${name}.bias`).length;
    const K = weight(`${name}.weight`).length / N;
    const { dWeight, dBias } = linearBackwardWeight({ x, dY, N, K });
    collect(`${name}.weight`, transpose(dWeight, N, K));
    collect(`${name}.bias`, dBias);
    return linearBackwardInput({ dY, weight: transpose(weight(`${name}.weight`), K, N), N, K });
  };
  const norm = (name: string, x: Float64Array, dY: Float64Array): Float64Array => {
    const { dX, dWeight, dBias } = normBackward({ x, dY, weight: weight(`${name}.weight`), C, epsilon });
    collect(`${name}.weight`, dWeight);
    collect(`${name}.bias`, dBias);
    return dX;
  };

  const headName = weights.has("lm_head.weight") ? "lm_head.weight" : "wte.weight";
  const V = weight(headName).length / C;
  const { losses, dLogits } = crossEntropyBackward({ logits, targets: ids.slice(1), V, scale });
  const head = linearBackwardWeight({ x: hidden, dY: dLogits, N: V, K: C });
  collect(headName, head.dWeight);
  if (weights.has("lm_head.bias")) collect("lm_head.bias", head.dBias);
  const dHidden = linearBackwardInput({ dY: dLogits, weight: weight(headName), N: V, K: C });

  const last = config.n_layer - 1;
  let dX = norm("ln_f", stage(last < 0 ? "embeddings" : `h.${last}.output`), dHidden);
  for (let layer = last; layer >= 0; layer--) {
    const name = `h.${layer}`;
    const input = stage(layer === 0 ? "embeddings" : `h.${layer - 1}.output`);
    const slope = activationDerivatives[activationByName[config.activation_function]!];
    const dActivation = linear(`${name}.mlp.c_proj`, stage(`${name}.activation`), dX);
    const dFc = dActivation.map((value, index) => value * slope(stage(`${name}.fc`)[index]!));
    const dNormedAgain = linear(`${name}.mlp.c_fc`, stage(`${name}.ln_2`), dFc);
    const dResidual = add(dX, norm(`${name}.ln_2`, stage(`${name}.residual`), dNormedAgain));
    const dMixed = linear(`${name}.attn.c_proj`, stage(`${name}.attention`), dResidual);
    const [q, k, v] = [stage(`${name}.q`), stage(`${name}.k`), stage(`${name}.v`)];
    const { dQ, dK, dV } = attentionBackward({ q, k, v, dY: dMixed, heads, D: C / heads, causal: true });
    const dNormed = linear(`${name}.attn.c_attn`, stage(`${name}.ln_1`), joinColumns([dQ, dK, dV], C));
    dX = add(dResidual, norm(`${name}.ln_1`, input, dNormed));
  }
  const tables = { V: weight("wte.weight").length / C, positions: weight("wpe.weight").length / C };
  const { dTokenTable, dPositionTable } = embeddingBackward({ ids: inputs, dX, C, ...tables });
  collect("wte.weight", dTokenTable);
  collect("wpe.weight", dPositionTable);
  return losses.reduce((sum, value) => sum + value, 0) * scale;
}

function transpose(matrix: ArrayLike<number>, rows: number, columnCount: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columnCount; column++)
      result[column * rows + row] = matrix[row * columnCount + column]!;
  return result;
}

/** Matrices of `width` columns side by side. */
function joinColumns(matrices: readonly Float64Array[], width: number): Float64Array {
  const rows = matrices[0]!.length / width;
  const joined = new Float64Array(matrices.length * rows * width);
  for (const [index, matrix] of matrices.entries())
    for (let row = 0; row < rows; row++)
      joined.set(matrix.subarray(row * width, (row + 1) * width), (row * matrices.length + index) * width);
  return joined;
}

function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, index) => value + b[index]!);
}
