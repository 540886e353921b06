// What a model's folder holds, from its configuration and the headers of its weight files: no weight is read.
import { readRequiredJson, readText } from "../../files/model-folder.js";
import type { ModelConfig } from "../../families/model-config.js";
import { readModelConfig } from "../../families/registry.js";
import { defineModel } from "../../model/definition.js";
import { listParameters, weightBytes } from "../../model/weights/parameters.js";
import { keyValueRowBytes } from "../../model/shape.js";
import type { WeightFormat } from "../../tensor/formats.js";
import { readTensorEntries } from "../../files/read-tensors.js";
import { openModelFolder, type ModelSource } from "../../files/source.js";

/** One tensor of a weight file. */
export interface TensorDescription {
  readonly name: string;
  /** As stored: "F32", "F16" and so on. */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What a model's folder holds. */
export interface ModelDescription {
  readonly config: ModelConfig;
  readonly tensors: readonly TensorDescription[];
  /** Numbers in all tensors. */
  readonly parameters: number;
  /** Bytes of one replica of the weights on a GPU, by how matrices are stored. */
  readonly weightBytes: Readonly<Record<WeightFormat, number>>;
  /** Bytes of keys and values that a token of a text being generated takes, over all layers. */
  readonly cacheBytesPerToken: number;
  /** Whether text can be turned into tokens. */
  readonly hasTokenizer: boolean;
}

/**
 * Describes the model of a folder without loading it, or asking for a GPU.
 * @throws FetchError for what is missing, FormatError for what is damaged or of an unknown kind, CancelledError, ArgumentError.
 */
export async function describeModel(
  source: ModelSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ModelDescription> {
  const { signal } = options;
  const folder = openModelFolder(source);
  const familyModel = readModelConfig(await readRequiredJson(folder, "config.json", signal));
  // The size of a page changes nothing that is told here.
  const { config, recipe, names, shape: ownShape } = defineModel(familyModel, 4);
  const bytesIn = (format: WeightFormat): number =>
    weightBytes(listParameters(config, recipe, names, { format }));
  const tensors: TensorDescription[] = [];
  let parameters = 0;
  for (const [name, { dtype, shape }] of await readTensorEntries(folder, signal)) {
    tensors.push({ name, dtype, shape });
    parameters += shape.reduce((product, extent) => product * extent, 1);
  }
  const hasTokenizer = (await readText(folder, "tokenizer.json", signal)) !== undefined;
  return {
    config,
    tensors,
    parameters,
    weightBytes: { f32: bytesIn("f32"), f16: bytesIn("f16") },
    cacheBytesPerToken: config.layers * keyValueRowBytes(ownShape),
    hasTokenizer,
  };
}
