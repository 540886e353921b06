// Turns a model's weights from the layout of the kernels back into the tensors of its files. The inverse of WeightPlacer.
import type { GpuBuffer } from "../../gpu/buffer.js";
import type { StoredTensor } from "../../files/safetensors.js";
import { toFloat32 } from "../../tensor/formats.js";
import { copyOut } from "./copy-part.js";
import { listFileTensors } from "./file-tensors.js";
import type { ModelWeights } from "./model-weights.js";

/** Returns float32 tensors with the names and shapes of files. `valuesOf` returns the contents of a weight's buffer. */
export function exportTensors(
  weights: ModelWeights,
  valuesOf: (buffer: GpuBuffer) => Float32Array<ArrayBuffer>,
): StoredTensor[] {
  return [...listFileTensors(weights.stored).values()].map((tensor) => {
    const values = new Float32Array(tensor.outputs * tensor.inputs);
    for (const part of tensor.parts)
      for (const piece of part.parameter.pieces) {
        const words = valuesOf(weights.bufferOf(piece.name));
        // Matrices may be stored as f16, two to a word.
        const own = part.parameter.format === "f32" ? words : toFloat32(new Uint8Array(words.buffer), "F16");
        copyOut({ tensor, part, piece }, own, values);
      }
    return { name: tensor.key, dtype: "F32", shape: tensor.shape, bytes: new Uint8Array(values.buffer) };
  });
}
