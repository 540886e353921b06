// Streams the weights of a GPT-2 model as float32, in the shapes of its files: matrices [in, out], embeddings [V, C].
import { toFloat32 } from "../tensor/formats.js";
import type { ModelConfig } from "../families/gpt2-config.js";
import { Gpt2NameMap, type Gpt2Tensor } from "../families/gpt2-names.js";
import type { ModelFolder } from "../files/model-folder.js";
import { readTensors, type ReadOptions } from "../files/read-tensors.js";

/** One weight of a GPT-2 model. */
export interface Gpt2Weight {
  readonly tensor: Gpt2Tensor;
  /** Row-major, of the shape `tensor.fileShape`. */
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * Yields every weight of the model that `config` describes, in the order of the files. `onUnexpected` hears, at the
 * end, the names of tensors that belong to no GPT-2 model.
 * @throws what `readTensors` throws; ShapeError; FormatError for a tensor that is missing (at the end) or comes twice.
 */
export async function* readGpt2Weights(
  folder: ModelFolder,
  config: ModelConfig,
  options: ReadOptions & { readonly onUnexpected?: (names: readonly string[]) => void } = {},
): AsyncGenerator<Gpt2Weight, void, undefined> {
  const names = new Gpt2NameMap(config);
  for await (const stored of readTensors(folder, options)) {
    const match = names.match(stored);
    if (!match) continue;
    yield { tensor: match.tensor, values: toFloat32(stored.bytes, match.dtype) };
  }
  names.expectComplete();
  if (names.unexpected.length > 0) options.onUnexpected?.(names.unexpected);
}
