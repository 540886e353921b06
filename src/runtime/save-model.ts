// Makes files of a model like those that it was loaded from, with the current weights.
import { readAll } from "../gpu/buffer-contents.js";
import { exportTensors } from "../model/weights/export.js";
import { writeSafetensors } from "../files/safetensors-writer.js";
import type { ModelParts } from "../files/source.js";
import type { LoadedModel } from "./load/loaded-model.js";

/** Files of a model in Hugging Face layout. `Model.load` reads them back bit for bit. Weights are float32. */
export interface SavedModel extends ModelParts {
  readonly weights: Uint8Array<ArrayBuffer>;
}

export async function saveModel(model: LoadedModel): Promise<SavedModel> {
  const { queue, weights } = model.replicas[0]!;
  const buffers = weights.storedBuffers;
  const values = await readAll(queue, buffers);
  const valueOf = new Map(buffers.map((buffer, index) => [buffer, values[index]!] as const));
  const tensors = exportTensors(weights, (buffer) => valueOf.get(buffer)!);
  const config = model.configFile as object;
  const { tokenizer, tokenizerConfig, chatTemplate, generationConfig } = model.textFiles;
  return {
    config: { ...config, ["dtype" in config ? "dtype" : "torch_dtype"]: "float32" },
    weights: writeSafetensors(tensors, { format: "pt" }),
    ...(tokenizer === undefined ? {} : { tokenizer: tokenizer as object }),
    ...(tokenizerConfig === undefined ? {} : { tokenizerConfig: tokenizerConfig as object }),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    ...(generationConfig === undefined ? {} : { generationConfig: generationConfig as object }),
  };
}
