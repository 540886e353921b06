// Streams the weights of a model in safetensors, in the shapes and order of its files.
import type { TensorNames } from "../../families/family.js";
import type { ModelFolder } from "../../files/model-folder.js";
import { readTensors, type ReadOptions } from "../../files/read-tensors.js";
import type { BlockFormat } from "../../tensor/blocks/decoded-block.js";
import type { GroupedFiles } from "./grouped-weights.js";
import { takesBlocks } from "../../tensor/blocks/gpu-layout.js";
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
 * The rows of a tensor as its parameters take them: `blocks` where some keep them, and `dequantise()` unless all do. `format`: what
 * files call it.
 */
export function rowsFor(
  tensor: FileTensor,
  format: string,
  blocks: FileWeight["blocks"],
  dequantise: () => Float32Array<ArrayBuffer>,
): Pick<FileWeight, "values" | "blocks"> {
  const isKept = tensor.parts.map((part) => takesBlocks(part.format, format));
  return {
    values: isKept.every(Boolean) ? new Float32Array(0) : dequantise(),
    ...(blocks && isKept.some(Boolean) ? { blocks } : {}),
  };
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
    readonly grouped?: GroupedFiles | undefined;
    readonly onUnexpected?: (names: readonly string[]) => void;
  } = {},
): AsyncGenerator<FileWeight, void, undefined> {
  const { grouped } = options;
  const matcher = new TensorMatcher(tensors, names);
  const isWanted = (name: string): boolean => matcher.expects(grouped?.partOf(name)?.weight ?? name);
  const parts = grouped?.begin();
  for await (const stored of readTensors(folder, { ...options, isWanted })) {
    const part = grouped?.partOf(stored.name, stored.dtype);
    if (parts && part) {
      const weight = parts.add(part, stored, tensors.get(matcher.keyOf(part.weight))!);
      if (!weight) continue;
      // Its shape is right. It may have come before.
      matcher.match({ name: part.weight, dtype: "F32", shape: weight.tensor.shape });
      yield weight;
      continue;
    }
    const match = matcher.match(stored);
    if (!match) continue;
    yield { tensor: match.tensor, values: toFloat32(stored.bytes, match.dtype as Dtype) };
  }
  parts?.expectComplete();
  matcher.expectComplete();
  if (matcher.unexpected.length > 0) options.onUnexpected?.(matcher.unexpected);
}
