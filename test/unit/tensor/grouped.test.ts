// Matrices of GPTQ, AWQ and MLX: their values, and what is refused.
import { describe, expect, it } from "vitest";
import { FormatError, ShapeError } from "../../../src/errors.js";
import { readGrouping, type Grouping } from "../../../src/model/weights/grouping.js";
import type { FileTensor } from "../../../src/model/weights/file-tensors.js";
import type { StoredTensor } from "../../../src/files/safetensors.js";
import { GroupedFiles } from "../../../src/model/weights/grouped-weights.js";
import { packMatrix } from "../../helpers/grouped-writer.js";

const sizes = { name: "a.b", outputs: 24, inputs: 192, group: 64 };
/** What a model expects of it, if it is not quantised there. */
const expected = {
  outputs: 24,
  inputs: 192,
  order: "out,in",
  parts: [{ parameter: { format: "f32" } }],
} as unknown as FileTensor;

/** Adds the tensors one by one; returns the values of the matrix. */
function join(scheme: Grouping, tensors: readonly StoredTensor[], changes: object = {}): Float32Array {
  const files = new GroupedFiles(scheme);
  const parts = files.begin();
  const found = tensors.map((tensor) =>
    parts.add(files.partOf(tensor.name, tensor.dtype)!, tensor, { ...expected, ...changes }),
  );
  parts.expectComplete();
  return found.find((weight) => weight !== undefined)!.values;
}

const schemes = ["mlx", "gptq", "gptq_v2", "awq"] as const;

describe.each(schemes)("matrices of %s", (scheme) => {
  it.each(scheme === "awq" ? ([4] as const) : ([4, 8] as const))("have the values of %i bits", (bits) => {
    for (const group of [32, 64, 192]) {
      const { tensors, values } = packMatrix(scheme, { ...sizes, group, bits });
      for (const order of [tensors, tensors.toReversed()]) {
        expect(join(scheme, order)).toEqual(values);
      }
    }
  });

  it("are read where bytes begin at an odd place", () => {
    const { tensors, values } = packMatrix(scheme, sizes);
    const moved = tensors.map((tensor) => {
      const bytes = new Uint8Array(tensor.bytes.length + 1).subarray(1);
      bytes.set(tensor.bytes);
      return { ...tensor, bytes };
    });
    expect(join(scheme, moved)).toEqual(values);
  });

  it("are refused by name if parts are missing, have other shapes or are of another kind", () => {
    const { tensors } = packMatrix(scheme, sizes);
    const parts = tensors.filter(({ name }) => !name.endsWith("g_idx"));
    for (const left of parts)
      expect(() =>
        join(
          scheme,
          parts.filter((tensor) => tensor !== left),
        ),
      ).toThrow(new RegExp(`expected ${left.name.replace("a.b.", "")} of a\\.b\\.weight`));
    for (const part of parts) {
      const shape = [part.shape[0]! + 1, part.shape[1]!];
      const changed = parts.map((tensor) => (tensor === part ? { ...tensor, shape } : tensor));
      expect(() => join(scheme, changed), part.name).toThrow(/expected|have/);
      const odd = parts.map((tensor) => (tensor === part ? { ...tensor, dtype: "I64" } : tensor));
      if (!(scheme === "mlx" && part.name.endsWith("weight")))
        expect(() => join(scheme, odd), part.name).toThrow(FormatError);
    }
    expect(() => join(scheme, tensors, { outputs: 32 })).toThrow(ShapeError);
    expect(() => join(scheme, tensors, { order: "in,out" })).toThrow(/stores a matrix by its inputs/);
    const narrow = packMatrix(scheme, { ...sizes, group: 16 });
    expect(() => join(scheme, narrow.tensors)).toThrow(/multiple of 32 inputs, received 16/);
  });
});

it.each([
  [{}, undefined],
  [{ quantization_config: { quant_method: "gptq", bits: 4 } }, "gptq"],
  [{ quantization_config: { quant_method: "gptq", checkpoint_format: "gptq_v2" } }, "gptq_v2"],
  [{ quantization_config: { quant_method: "awq", version: "GEMM" } }, "awq"],
  [{ quantization: { group_size: 64, bits: 4 }, quantization_config: { group_size: 64, bits: 4 } }, "mlx"],
] as const)("config %j says %s", (config, scheme) => {
  expect(readGrouping(config)).toBe(scheme);
});

it.each([
  [
    { quantization_config: { bits: 4 } },
    'quantization_config: expected a scheme that weft reads, received {"bits":4}',
  ],
  [{ quantization_config: { quant_method: "fp8" } }, "GPTQ, AWQ (its GEMM version) or MLX"],
  [{ quantization_config: { quant_method: "awq", version: "gemv" } }, "expected a scheme that weft reads"],
  [{ quantization_config: { quant_method: "gptq", checkpoint_format: "marlin" } }, "expected a scheme"],
  [{ quantization: { mode: "mxfp4" } }, 'quantization: expected an object whose mode is "affine"'],
])("config %j is refused", (config, problem) => {
  expect(() => readGrouping(config)).toThrow(problem);
});

it("inputs that GPTQ has sorted are refused", () => {
  const { tensors } = packMatrix("gptq", sizes);
  const changed = tensors.map((tensor) => {
    if (!tensor.name.endsWith("g_idx")) return tensor;
    const order = new Int32Array(tensor.bytes.slice().buffer);
    [order[0], order[191]] = [2, 0];
    return { ...tensor, bytes: new Uint8Array(order.buffer) };
  });
  expect(() => join("gptq", changed)).toThrow(/a\.b\.g_idx: expected groups of consecutive inputs.*desc_act/);
});

it("3 bits are refused", () => {
  const { tensors } = packMatrix("mlx", sizes);
  const changed = tensors.map((tensor) =>
    tensor.dtype === "U32"
      ? { ...tensor, shape: [24, 18], bytes: tensor.bytes.subarray(0, 24 * 18 * 4) }
      : tensor,
  );
  expect(() => join("mlx", changed)).toThrow(/expected 4 or 8 bits, received 3/);
});
