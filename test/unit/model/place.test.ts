// Tensors of files in the layout of the kernels and back: parts of fused tensors, heads that are interleaved or padded, matrices
// turned or not, vocabularies in pieces, halves.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../src/errors.js";
import type { RoleSource, TensorNames } from "../../../src/families/family.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { families } from "../../../src/families/encoders/all-families.js";
import { gpt2 } from "../../../src/families/gpt2.js";
import type { GpuBuffer } from "../../../src/gpu/buffer.js";
import { exportTensors } from "../../../src/model/weights/export.js";
import { listFileTensors, type FileTensor } from "../../../src/model/weights/file-tensors.js";
import { ModelWeights } from "../../../src/model/weights/model-weights.js";
import { listParameters, type Parameter } from "../../../src/model/weights/parameters.js";
import { WeightPlacer } from "../../../src/model/weights/place.js";
import { float32ToFloat16, toFloat32 } from "../../../src/tensor/formats.js";
import { configOf, decoderRecipe, namesOf, parallelRecipe } from "../../helpers/made-up-families.js";
import { randomFloats } from "../../helpers/random.js";

// Two heads of 5 (padded to 8) of queries, one of keys and values; no width is a multiple of 4.
const config = configOf({
  layers: 2,
  channels: 10,
  heads: 2,
  keyValueHeads: 1,
  headWidth: 5,
  hidden: 7,
  vocabularySize: 23,
  contextLength: 6,
});

const recipe = decoderRecipe(config, { attentionBias: "always" });

/** Rows of the file are grouped by head: query, key, value of the first, then of the second. */
const interleaved = (of: string, first: number): RoleSource["parts"][number] => ({
  of,
  first,
  size: 5,
  count: 2,
  stride: 15,
});

/** The parameters of a small model of a family. */
function listed(modelType: string): readonly Parameter[] {
  const model = readModelConfig(
    {
      model_type: modelType,
      vocab_size: 23,
      hidden_size: 10,
      intermediate_size: 14,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 6,
      max_position_embeddings: 6,
      mlp_bias: true,
    },
    "config.json",
    families,
  );
  const { family, config: own } = model;
  return listParameters(own, family.recipe(own), family.tensors(own), { format: "f32" });
}

const cases: Readonly<
  Record<string, () => { parameters: readonly Parameter[]; shapes: Record<string, number[]> }>
> = {
  "keys and values apart": () => ({
    parameters: listParameters(config, recipe, namesOf(recipe, config), { format: "f32" }),
    shapes: { "layer.0.key.weight": [5, 10], "layer.0.query.bias": [10], "tokens.weight": [23, 10] },
  }),
  "the vocabulary in pieces": () => ({
    parameters: listParameters(config, recipe, namesOf(recipe, config), {
      format: "f32",
      maxBindingBytes: 400,
    }),
    shapes: { "tokens.weight": [23, 10] },
  }),
  "queries, keys and values in one, matrices turned": () => {
    const own = { ...config, keyValueHeads: 2 };
    return {
      parameters: listParameters(own, gpt2.recipe(own), gpt2.tensors(own), { format: "f32" }),
      shapes: { "h.1.attn.c_attn.weight": [10, 30], "h.1.attn.c_attn.bias": [30], "wpe.weight": [6, 10] },
    };
  },
  "queries, keys and values apart, in pieces of their own": () => {
    const own = { ...config, headWidth: 8 };
    const runs = [8 * (own.heads + own.keyValueHeads), 8 * own.keyValueHeads].map((outputs) => ({
      outputs,
      format: "f32" as const,
    }));
    return {
      parameters: listParameters(own, recipe, namesOf(recipe, own), {
        format: ({ role }) => (role === "queryKeyValue" ? runs : "f32"),
      }),
      shapes: {
        "layer.0.key.weight": [8 * own.keyValueHeads, 10],
        "layer.0.value.weight": [8 * own.keyValueHeads, 10],
      },
    };
  },
  "gates and ups apart": () => ({
    parameters: listed("llama"),
    shapes: {
      "model.layers.0.mlp.gate_proj.weight": [14, 10],
      "model.layers.1.mlp.up_proj.weight": [14, 10],
    },
  }),
  "gates and ups in one": () => ({
    parameters: listed("phi3"),
    shapes: { "model.layers.0.mlp.gate_up_proj.weight": [28, 10] },
  }),
  "queries, keys and values in one, head by head": () => {
    const own = { ...config, keyValueHeads: 2 };
    const parallel = parallelRecipe(own);
    const names: TensorNames = namesOf(parallel, own);
    const roles = {
      ...names.roles,
      queryKeyValue: { parts: [0, 5, 10].map((first) => interleaved("layer.{l}.qkv", first)) },
    };
    return {
      parameters: listParameters(own, parallel, { ...names, roles }, { format: "f32" }),
      shapes: { "layer.1.qkv.weight": [30, 10], "layer.1.qkv.bias": [30] },
    };
  },
};

describe.each(Object.entries(cases))("%s", (_, make) => {
  const { parameters, shapes } = make();
  const tensors = listFileTensors(parameters);

  it("are the same if rows of outputs come in parts, in any order", () => {
    const whole = new Map<string, unknown>();
    const inParts = new Map<string, unknown>();
    const placers = [new WeightPlacer(), new WeightPlacer()] as const;
    for (const [index, tensor] of [...tensors.values()].entries()) {
      const values = randomFloats(index + 1, tensor.outputs * tensor.inputs);
      for (const own of placers[0].place({ tensor, values: values.slice() })) whole.set(own.name, own.values);
      const rows = tensor.order === "in,out" ? tensor.outputs : 4;
      const firsts = [...Array(Math.ceil(tensor.outputs / rows)).keys()].map((part) => part * rows);
      for (const firstOutput of firsts.toReversed()) {
        const end = Math.min(firstOutput + rows, tensor.outputs);
        const part = values.slice(firstOutput * tensor.inputs, end * tensor.inputs);
        for (const own of placers[1].place({ tensor, values: part, firstOutput }))
          inParts.set(own.name, own.values);
      }
    }
    expect(inParts.size).toBe(whole.size);
    for (const [name, values] of whole) expect(inParts.get(name), name).toEqual(values);
  });

  it("have the shapes of their files", () => {
    for (const [key, shape] of Object.entries(shapes)) expect(tensors.get(key)?.shape, key).toEqual(shape);
  });

  it("come back as they were, whatever the order they come in", () => {
    const files = [...tensors.values()].map((tensor, seed) => ({
      tensor,
      values: randomFloats(seed, tensor.outputs * tensor.inputs),
    }));
    for (const given of [files, files.toReversed()]) {
      const saved = exportTensors(...place(parameters, given));
      expect(saved.map(({ name }) => name)).toEqual([...tensors.keys()]);
      for (const { tensor, values } of files) {
        const own = saved.find(({ name }) => name === tensor.key)!;
        expect(own.shape).toEqual(tensor.shape);
        expect(toFloat32(own.bytes, "F32"), tensor.key).toEqual(values);
      }
    }
  });
});

it("puts each head into vec4s of its own, with zeros behind it", () => {
  const { parameters } = cases["queries, keys and values in one, head by head"]!();
  const tensor = listFileTensors(parameters).get("layer.0.qkv.bias")!;
  const values = Float32Array.from({ length: 30 }, (_, index) => 1 + index);
  const placed = new Map(
    [...new WeightPlacer().place({ tensor, values })].map((own) => [own.name, own.values]),
  );
  expect([...placed.get("layer-0.queryKeyValue.bias")!]).toEqual(
    [
      [1, 2, 3, 4, 5, 0, 0, 0, 16, 17, 18, 19, 20, 0, 0, 0],
      [6, 7, 8, 9, 10, 0, 0, 0, 21, 22, 23, 24, 25, 0, 0, 0],
      [11, 12, 13, 14, 15, 0, 0, 0, 26, 27, 28, 29, 30, 0, 0, 0],
    ].flat(),
  );
});

it("puts each gate beside its up, with zeros behind them", () => {
  const tensors = listFileTensors(listed("llama"));
  const placer = new WeightPlacer();
  const placed = ["gate", "up"].flatMap((name, index) => {
    const tensor = tensors.get(`model.layers.0.mlp.${name}_proj.bias`)!;
    return [
      ...placer.place({ tensor, values: Float32Array.from({ length: 14 }, (_, at) => 1 + at + 100 * index) }),
    ];
  });
  expect(placed.map(({ name }) => name)).toEqual(["layer-0.gateUp.bias"]);
  const pairs = Array.from({ length: 14 }, (_, at) => [1 + at, 101 + at]);
  expect([...placed[0]!.values]).toEqual([...pairs.flat(), 0, 0, 0, 0]);
});

it("stores matrices as halves on request, vectors never, and names the tensor that halves cannot hold", () => {
  const parameters = listParameters(config, recipe, namesOf(recipe, config), { format: "f16" });
  const tensor = listFileTensors(parameters).get("layer.1.up.weight")!;
  const values = randomFloats(3, 70);
  const [placed] = [...new WeightPlacer().place({ tensor, values })];
  expect(placed!.values).toBeInstanceOf(Uint16Array);
  expect(placed!.values[0]).toBe(float32ToFloat16(values)[0]);
  const vectors = parameters.filter(({ inputs }) => !inputs);
  expect(vectors.flatMap(({ pieces }) => pieces).filter(({ format }) => format === "f16")).toEqual([]);
  values[5] = -65520;
  expect(() => [...new WeightPlacer().place({ tensor, values })]).toThrow(ArgumentError);
  expect(() => [...new WeightPlacer().place({ tensor, values })]).toThrow(
    /"layer\.1\.up\.weight" holds -65520/,
  );
});

/** Every piece as a buffer, and what the buffers hold. */
function place(
  parameters: readonly Parameter[],
  files: readonly { readonly tensor: FileTensor; readonly values: Float32Array<ArrayBuffer> }[],
): Parameters<typeof exportTensors> {
  const placer = new WeightPlacer();
  const contents = new Map<GpuBuffer, Float32Array<ArrayBuffer>>();
  const buffers = new Map<string, GpuBuffer>();
  expect(parameters.every(({ pieces }) => pieces.every(({ format }) => format === "f32"))).toBe(true);
  for (const file of files)
    for (const { name, values } of placer.place(file)) {
      const buffer = { name } as unknown as GpuBuffer;
      expect(buffers.has(name), name).toBe(false);
      buffers.set(name, buffer);
      contents.set(buffer, values as Float32Array<ArrayBuffer>);
    }
  const stored = parameters.filter((parameter) => parameter.stored !== "never");
  for (const { pieces } of stored)
    for (const { name, elements } of pieces)
      expect(contents.get(buffers.get(name)!)!.length, name).toBe(elements);
  return [new ModelWeights(parameters, stored, buffers), (buffer) => contents.get(buffer)!];
}
