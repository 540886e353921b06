// The models of the benchmark of formats: decoders like Llama, made up from a seed, the same in every process and browser.
import type { DecoderFile } from "../../../../test/reference/decoder.js";
import {
  configSizes,
  matricesOf,
  type DecoderShape as CheckedShape,
} from "../../../jobs/gpu-check/made-up-model.js";
import { SeededRandom } from "../../../util/seeded-random.js";

export interface DecoderShape extends CheckedShape {
  readonly name: string;
  /** Layers of the model that has these widths; `layers` are measured: a software adapter is slow, and all layers are alike. */
  readonly allLayers: number;
}

/** The widths of SmolLM2-135M. 576 is no multiple of 256, so blocks of 256 can't hold them. */
export const smol: DecoderShape = {
  name: "SmolLM2-135M",
  layers: 4,
  allLayers: 30,
  channels: 576,
  hidden: 1536,
  heads: 9,
  keyValueHeads: 3,
  vocabulary: 49152,
  contextLength: 512,
};

/** The same with the next width that is a multiple of 256. */
export const wider: DecoderShape = {
  ...smol,
  name: "the same, 768 wide",
  channels: 768,
  heads: 12,
  keyValueHeads: 4,
};

/** A shape that is as fast as a test wants it, with the widths that `shape` is about. */
export function tinyShape({ name, channels }: DecoderShape): DecoderShape {
  const [own, heads] = channels % 256 === 0 ? [256, 4] : [64, 2];
  return {
    name,
    layers: 2,
    allLayers: 2,
    channels: own,
    hidden: 2 * own,
    heads,
    keyValueHeads: heads / 2,
    vocabulary: 320,
    contextLength: 128,
  };
}

/** A matrix of a layer: what files call it, its outputs and its inputs. */
export interface MatrixShape {
  readonly name: string;
  /** The name in GGUF. */
  readonly ggufName: string;
  readonly outputs: number;
  readonly inputs: number;
}

/** What GGUF calls the matrices of a layer. */
const ggufNames: Readonly<Record<string, string>> = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** All matrices of a model with `layers` layers, and the norms by their names. The head is tied. */
export function listMatrices(shape: DecoderShape, layers: number): readonly MatrixShape[] {
  return [
    {
      name: "model.embed_tokens.weight",
      ggufName: "token_embd.weight",
      outputs: shape.vocabulary,
      inputs: shape.channels,
    },
    ...Array.from({ length: layers }, (_, layer) =>
      matricesOf(shape).map(([name, outputs, inputs]) => ({
        name: `model.layers.${layer}.${name}.weight`,
        ggufName: `blk.${layer}.${ggufNames[name]!}.weight`,
        outputs,
        inputs,
      })),
    ).flat(),
  ];
}

/** The norms, by their names in files and in GGUF. */
export function listNorms(layers: number): readonly (readonly [name: string, ggufName: string])[] {
  return [
    ...Array.from({ length: layers }, (_, layer): [string, string][] => [
      [`model.layers.${layer}.input_layernorm.weight`, `blk.${layer}.attn_norm.weight`],
      [`model.layers.${layer}.post_attention_layernorm.weight`, `blk.${layer}.ffn_norm.weight`],
    ]).flat(),
    ["model.norm.weight", "output_norm.weight"],
  ];
}

/** The numbers of all matrices of a model with so many layers. */
export function countWeights(shape: DecoderShape, layers: number): number {
  return listMatrices(shape, layers).reduce((sum, { outputs, inputs }) => sum + outputs * inputs, 0);
}

export interface MadeDecoder {
  /** The content of config.json. */
  readonly config: DecoderFile & Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
}

/** The model in float32. Weights are spread evenly, with the deviation 1/√inputs. */
export function makeDecoder(shape: DecoderShape, seed: number): MadeDecoder {
  const random = new SeededRandom(seed);
  const spread = (count: number, most: number, mean = 0): Float32Array => {
    const values = new Float32Array(count);
    for (let index = 0; index < count; index++) values[index] = mean + most * (2 * random.uniform() - 1);
    return values;
  };
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const { name, outputs, inputs } of listMatrices(shape, shape.layers))
    tensors.set(name, {
      shape: [outputs, inputs],
      values: spread(outputs * inputs, largestOf(inputs)),
    });
  for (const [name] of listNorms(shape.layers))
    tensors.set(name, { shape: [shape.channels], values: spread(shape.channels, 0.1, 1) });
  return { config: configOf(shape), tensors };
}

/** The largest weight of a matrix whose weights are spread evenly with the deviation 1/√inputs. */
export const largestOf = (inputs: number): number => Math.sqrt(3 / inputs);

/** As SmolLM2's, but for the sizes. */
function configOf(shape: DecoderShape): MadeDecoder["config"] {
  return {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    ...configSizes(shape),
    rope_parameters: { rope_type: "default", rope_theta: 100_000 },
  };
}
