// Turns a model's weights from the layout of the kernels back into the tensors of its files. The inverse of WeightPlacer.
import type { GpuBuffer } from "../../gpu/buffer.js";
import type { StoredTensor } from "../../files/safetensors.js";
import { gpuFormats, isBlocks, PANEL } from "../../tensor/blocks/gpu-layout.js";
import { unpackMatrix } from "../../tensor/blocks/unpack.js";
import { toFloat32 } from "../../tensor/formats.js";
import { copyOut } from "./copy-part.js";
import { listFileTensors } from "./file-tensors.js";
import type { ModelWeights } from "./model-weights.js";
import { scalesName } from "./place-blocks.js";

/** How the formats are called in files. */
const dtypes = { f16: "F16", bf16: "BF16" } as const;

/** Returns float32 tensors with the names and shapes of files. `valuesOf` returns the contents of a weight's buffer. */
export function exportTensors(
  weights: ModelWeights,
  valuesOf: (buffer: GpuBuffer) => Float32Array<ArrayBuffer>,
): StoredTensor[] {
  return [...listFileTensors(weights.stored).values()].map((tensor) => {
    const values = new Float32Array(tensor.outputs * tensor.inputs);
    for (const part of tensor.parts)
      for (const piece of part.pieces) {
        const words = valuesOf(weights.bufferOf(piece.name));
        const { format } = piece;
        const { inputs } = part.parameter;
        if (isBlocks(format)) {
          const scales = valuesOf(weights.bufferOf(scalesName(piece.name)));
          const packed = { quants: new Uint32Array(words.buffer), scales: new Uint32Array(scales.buffer) };
          const shape = { outputs: piece.count, inputs: inputs!.size, panel: PANEL };
          copyOut(
            { tensor, part, piece, layout: "outputs first" },
            unpackMatrix(packed, gpuFormats[format], shape),
            values,
          );
          continue;
        }
        const own = format === "f32" ? words : toFloat32(new Uint8Array(words.buffer), dtypes[format]);
        copyOut({ tensor, part, piece }, own, values);
      }
    return { name: tensor.key, dtype: "F32", shape: tensor.shape, bytes: new Uint8Array(values.buffer) };
  });
}
