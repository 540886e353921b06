// Streams the weights of a model in safetensors, in the shapes and order of its files.
import type { TensorNames } from "../../families/family.js";
import type { ModelFolder } from "../../files/model-folder.js";
import { readTensors, type ReadOptions } from "../../files/read-tensors.js";
import type { Grouping } from "./grouping.js";
import type { BlockFormat } from "../../tensor/blocks/decoded-block.js";
import { dequantiseBlocks } from "../../tensor/blocks/dequantise.js";
import { takesBlocks } from "../../tensor/blocks/gpu-layout.js";
import type { AffineRows } from "../../tensor/grouped/affine-rows.js";
import { GroupedWeights, partNameOf, type MatrixExtent } from "./grouped-weights.js";
import { toFloat32, type Dtype } from "../../tensor/formats.js";
import { TensorMatcher, type FileTensor } from "./file-tensors.js";

/** One tensor of a file, with its numbers. */
export interface FileWeight {
  readonly tensor: FileTensor;
  /** Row-major: all of the tensor, or from output `firstOutput` on as many rows as there are. Empty if no part needs it. */
  readonly values: Float32Array<ArrayBuffer>;
  /** The same rows as the file has them, for parameters that stay quantised. */
  readonly blocks?: { readonly format: BlockFormat; readonly bytes: Uint8Array<ArrayBuffer> };
  /** Only tensors that are stored as rows of outputs come in parts. Default: 0. */
  readonly firstOutput?: number;
}

/**
 * Yields every tensor of the model, in the order of the files. `onUnexpected` is called at the end with the names of
 * tensors that the model has no use for, where there are any.
 * @throws what `readTensors` throws; ShapeError; FormatError for a tensor that is missing (at the end) or comes twice.
 */
export async function* readWeights(
  folder: ModelFolder,
  tensors: ReadonlyMap<string, FileTensor>,
  names: TensorNames,
  options: ReadOptions & {
    readonly grouping?: Grouping | undefined;
    readonly onUnexpected?: (names: readonly string[]) => void;
  } = {},
): AsyncGenerator<FileWeight, void, undefined> {
  const { grouping } = options;
  const matcher = new TensorMatcher(tensors, names);
  const isWanted = (name: string): boolean =>
    matcher.expects((grouping && partNameOf(grouping, name, "U32")?.weight) ?? name);
  const grouped = grouping && new GroupedWeights(grouping, "model.safetensors");
  for await (const stored of readTensors(folder, { ...options, isWanted })) {
    const part = grouping && partNameOf(grouping, stored.name, stored.dtype);
    if (grouped && part) {
      const extent = tensors.get(matcher.keyOf(part.weight))!;
      const rows = grouped.add(part, stored, extent);
      if (rows) yield blocksOf(matcher, part.weight, rows, extent);
      continue;
    }
    const match = matcher.match(stored);
    if (!match) continue;
    yield { tensor: match.tensor, values: toFloat32(stored.bytes, match.dtype as Dtype) };
  }
  grouped?.expectComplete();
  matcher.expectComplete();
  if (matcher.unexpected.length > 0) options.onUnexpected?.(matcher.unexpected);
}

/** A quantised matrix as parameters take it: as blocks, or as float32. */
function blocksOf(
  matcher: TensorMatcher,
  name: string,
  { bytes, format }: AffineRows,
  { outputs, inputs }: MatrixExtent,
): FileWeight {
  // Its name and shape are expected. It may have come before.
  const { tensor } = matcher.match({ name, dtype: "F32", shape: [outputs, inputs] })!;
  const isKept = tensor.parts.map(({ parameter }) => takesBlocks(parameter.format, format.name));
  return {
    tensor,
    values: isKept.every(Boolean) ? new Float32Array(0) : dequantiseBlocks(bytes, format),
    ...(isKept.some(Boolean) ? { blocks: { format, bytes } } : {}),
  };
}
