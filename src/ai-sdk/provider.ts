// Models of weft as a provider of the Vercel AI SDK, without a server between.
import { ArgumentError } from "../errors.js";
import { toolFormats, type ToolFormat } from "../answer/forms/find-form.js";
import { listModels, type NamedModel, type ServedModels } from "../answer/named-models.js";
import { checkChoice } from "../util/check.js";
import { checkOptionNames, type OptionNames } from "../util/option-names.js";
import { embeddingModel } from "./embedding-model.js";
import { languageModel } from "./language-model.js";
import type { Specification, WeftEmbeddingModel, WeftLanguageModel } from "./specification.js";

/** What a provider is made of. */
export interface WeftOptions<Version extends Specification = Specification> {
  /** One model, which is then called "weft", or several by their names: Model or WorkerModel. */
  readonly models: ServedModels;
  /** How models write calls of functions, where their chat template does not tell. */
  readonly toolFormat?: ToolFormat;
  /** The version of the AI SDK's specification. Default: "v3", which ai 6 and 7 take; 7 has "v4" as its own. */
  readonly specification?: Version;
}

/** Gives models by their names, for generateText, streamText, embed and the others. */
export interface WeftProvider<Version extends Specification = Specification> {
  readonly specificationVersion: Version;
  /** As `languageModel`. */
  (modelId: string): WeftLanguageModel<Version>;
  languageModel(modelId: string): WeftLanguageModel<Version>;
  embeddingModel(modelId: string): WeftEmbeddingModel<Version>;
  /** Throws: weft makes no images. */
  imageModel(modelId: string): never;
}

const optionNames: OptionNames<WeftOptions> = { models: true, toolFormat: true, specification: true };

/**
 * Makes a provider of the Vercel AI SDK from models that run where it runs: in the page, a worker or Node.
 *
 * Throws ArgumentError for models that are none; the provider does for names that none has.
 *
 * @example
 * ```ts
 * import { Model } from "weft-webgpu";
 * import { createWeft } from "weft-webgpu/ai-sdk";
 *
 * await using model = await Model.load("HuggingFaceTB/SmolLM2-135M-Instruct");
 * const weft = createWeft({ models: { smol: model } });
 * const smol = weft("smol"); // for generateText({ model: smol, prompt: "…" }) of the package "ai"
 * console.log(smol.modelId);
 * ```
 */
export function createWeft<Version extends Specification = "v3">(
  options: WeftOptions<Version>,
): WeftProvider<Version> {
  checkOptionNames(options, optionNames as OptionNames<WeftOptions<Version>>);
  const models = listModels(options.models);
  const version = checkChoice<Specification>("specification", options.specification, "v3", [
    "v3",
    "v4",
  ]) as Version;
  const toolFormat =
    options.toolFormat === undefined
      ? undefined
      : checkChoice("toolFormat", options.toolFormat, "tags", toolFormats);
  const language = (modelId: string): WeftLanguageModel<Version> =>
    languageModel(modelNamed(models, modelId), version, toolFormat);
  return Object.assign((modelId: string) => language(modelId), {
    specificationVersion: version,
    languageModel: language,
    embeddingModel: (modelId: string) => embeddingModel(modelNamed(models, modelId), version),
    imageModel(modelId: string): never {
      throw new ArgumentError({
        argument: "modelId",
        expected: "a model that makes images, which weft has none of",
        received: modelId,
      });
    },
  });
}

function modelNamed(models: readonly NamedModel[], name: string): NamedModel {
  const found = models.find((own) => own.name === name);
  if (found) return found;
  throw new ArgumentError({
    argument: "modelId",
    expected: `one of ${models.map((own) => own.name).join(", ")}`,
    received: name,
  });
}
