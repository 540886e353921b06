// What a model's folder holds, from its configuration and the headers of its weight files: no weight is read.
import { readRequiredJson, readText } from "../../files/model-folder.js";
import { parseGpt2Config, type ModelConfig } from "../../families/gpt2-config.js";
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
  /** Whether text can be turned into tokens. */
  readonly hasTokenizer: boolean;
}

/**
 * Describes the model of a folder without loading it, or asking for a GPU.
 * @throws FetchError for what is missing, FormatError for what is damaged or no GPT-2, CancelledError, ArgumentError.
 */
export async function describeModel(
  source: ModelSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ModelDescription> {
  const { signal } = options;
  const folder = openModelFolder(source);
  const config = parseGpt2Config(await readRequiredJson(folder, "config.json", signal));
  const tensors: TensorDescription[] = [];
  let parameters = 0;
  for (const [name, { dtype, shape }] of await readTensorEntries(folder, signal)) {
    tensors.push({ name, dtype, shape });
    parameters += shape.reduce((product, extent) => product * extent, 1);
  }
  const hasTokenizer = (await readText(folder, "tokenizer.json", signal)) !== undefined;
  return { config, tensors, parameters, hasTokenizer };
}
