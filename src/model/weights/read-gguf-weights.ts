// Streams the weights of a GGUF model, a few rows at a time: as float32, or as they are for matrices that stay quantised.
import { FormatError } from "../../errors.js";
import type { TensorNames } from "../../families/family.js";
import type { GgufTensor } from "../../files/gguf/header.js";
import { listTensors, type GgufModel } from "../../files/gguf/open-gguf.js";
import { readGgufRows } from "../../files/gguf/read-gguf.js";
import type { ModelFolder } from "../../files/model-folder.js";
import type { ReadOptions } from "../../files/read-tensors.js";
import { blockFormats, dequantise, isReadable, readableFormats } from "../../tensor/blocks/dequantise.js";
import { TensorMatcher, type FileTensor } from "./file-tensors.js";
import { rowsFor, type FileWeight } from "./read-weights.js";

/** Which tensors of the model the tensors of the files are, and which of these it has no use for. */
export interface MatchedGguf {
  readonly tensors: ReadonlyMap<GgufTensor, FileTensor>;
  readonly unexpected: readonly string[];
}

/**
 * Needs nothing but headers. @throws FormatError for a tensor that is missing or in a format that weft does not compute from;
 * ShapeError for one of another shape.
 */
export function matchGguf(
  model: GgufModel,
  expected: ReadonlyMap<string, FileTensor>,
  names: TensorNames,
): MatchedGguf {
  const file = model.parts[0]!.fileName;
  const matcher = new TensorMatcher(expected, names, {
    file,
    described: "the file's keys",
    // Other formats are refused below, by their names.
    isReadable: () => true,
    formats: "a tensor",
  });
  const tensors = new Map<GgufTensor, FileTensor>();
  for (const tensor of listTensors(model)) {
    const format = tensor.type.name;
    const match = matcher.match({ name: tensor.name, dtype: format, shape: tensor.shape });
    if (!match) continue;
    if (!isReadable(format))
      throw new FormatError({
        file,
        problem: `tensor ${JSON.stringify(tensor.name)}: expected one of ${readableFormats.join(", ")}, received ${format}`,
        remedy: "weft does not compute from this format: choose a file of the model in another one.",
      });
    tensors.set(tensor, match.tensor);
  }
  matcher.expectComplete();
  return { tensors, unexpected: matcher.unexpected };
}

/**
 * Yields the rows of every matched tensor, in the order of the files. At most 32 MiB of a tensor are held at once, unless one
 * row is larger. @throws what `readGgufRows` throws.
 */
export async function* readGgufWeights(
  folder: ModelFolder,
  model: GgufModel,
  { tensors }: MatchedGguf,
  options: ReadOptions = {},
): AsyncGenerator<FileWeight, void, undefined> {
  const wants = (tensor: GgufTensor): boolean => tensors.has(tensor);
  for await (const { tensor: stored, firstRow, bytes } of readGgufRows(folder, model, {
    ...options,
    wants,
  })) {
    const tensor = tensors.get(stored)!;
    const name = stored.type.name;
    const format = blockFormats.get(name);
    const own = rowsFor(tensor, name, format && { format, bytes }, () => dequantise(bytes, name));
    const { values } = own;
    if (tensor.offset !== 0) for (let i = 0; i < values.length; i++) values[i]! += tensor.offset;
    // A vector is one row of its file, and a row per output of the model.
    yield {
      tensor,
      ...own,
      firstOutput: stored.shape.length > 1 ? firstRow : 0,
    };
  }
}
