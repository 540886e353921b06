// Describes a model's folder from its configuration and the headers of its weight files. Reads no weights.
import type { ModelConfig } from "../../families/model-config.js";
import { contextCacheBytes } from "../../model/cache-layers.js";
import { defineModel } from "../../model/definition.js";
import { quantised } from "../../model/weights/file-formats.js";
import { listParameters, weightBytes, type TableOptions } from "../../model/weights/parameters.js";
import { keyValueRowBytes } from "../../model/shape.js";
import type { CacheFormat, FloatFormat } from "../../tensor/formats.js";
import { checkOptionNames } from "../../util/option-names.js";
import type { HubOptions } from "../../files/hub/open-hub.js";
import type { ModelSource } from "../../files/source.js";
import { hubOptionNames } from "./load-options.js";
import { openModelFiles, type TensorDescription } from "./model-files.js";

/** The content of a model's folder. */
export interface ModelDescription {
  readonly config: ModelConfig;
  readonly tensors: readonly TensorDescription[];
  /** How many numbers all tensors have together. */
  readonly parameters: number;
  /** Bytes of one replica of the weights on a GPU: as they are stored by default, and with the option `weights`. */
  readonly weightBytes: Readonly<Record<FloatFormat | "q8" | "q4" | "default", number>>;
  /** Bytes that the keys and values of one token take in generation, over all layers, by the option `cache`. */
  readonly cacheBytesPerToken: Readonly<Record<CacheFormat, number>>;
  /**
   * Bytes that the keys and values of a text as long as the context take. Layers that see a window keep no more than it, in whole
   * blocks of 64 tokens; up to 256 tokens more while a prompt is computed.
   */
  readonly cacheBytesPerContext: Readonly<Record<CacheFormat, number>>;
  /** Whether text can be turned into tokens. */
  readonly hasTokenizer: boolean;
}

/**
 * Describes the model of a folder without loading it. Needs no GPU.
 * @throws FetchError if a file is missing, FormatError if it is damaged or of an unknown kind, CancelledError, ArgumentError.
 */
export async function describeModel(
  source: ModelSource,
  options: HubOptions & { readonly signal?: AbortSignal } = {},
): Promise<ModelDescription> {
  checkOptionNames(options, { ...hubOptionNames, signal: true });
  const { signal } = options;
  const files = await openModelFiles(source, undefined, signal, options);
  // The size of a page changes nothing in the result.
  const definition = defineModel(files.familyModel, 4);
  const { config, recipe, names, shape: ownShape } = definition;
  const bytesIn = (format: TableOptions["format"]): number =>
    weightBytes(listParameters(config, recipe, names, { format }));
  const tensors = await files.listTensors(signal);
  let parameters = 0;
  for (const { shape } of tensors) parameters += shape.reduce((product, extent) => product * extent, 1);
  const hasTokenizer = (await files.readTexts(signal)).tokenizer !== undefined;
  return {
    config,
    tensors,
    parameters,
    weightBytes: {
      default: bytesIn(await files.readFormats(signal)),
      f32: bytesIn("f32"),
      f16: bytesIn("f16"),
      bf16: bytesIn("bf16"),
      q8: bytesIn(quantised("q8")),
      q4: bytesIn(quantised("q4")),
    },
    cacheBytesPerToken: {
      f32: config.layers * keyValueRowBytes(ownShape),
      f16: config.layers * keyValueRowBytes(ownShape, "f16"),
    },
    cacheBytesPerContext: {
      f32: contextCacheBytes(definition, "f32"),
      f16: contextCacheBytes(definition, "f16"),
    },
    hasTokenizer,
  };
}
