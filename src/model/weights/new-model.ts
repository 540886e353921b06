// Makes a new model that has learned nothing: config and random weights from a seed, as files that can be loaded.
import { ArgumentError } from "../../errors.js";
import type { NewModelShape } from "../../families/new-model-shape.js";
import { newModelFamily, readModelConfig, type FamilyModel } from "../../families/registry.js";
import type { StoredTensor } from "../../files/safetensors.js";
import { writeSafetensors } from "../../files/safetensors-writer.js";
import type { ModelParts } from "../../files/source.js";
import { checkWhole } from "../../util/check.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import { SeededRandom } from "../../util/seeded-random.js";
import { listFileTensors } from "./file-tensors.js";
import { listParameters } from "./parameters.js";

/** The shape of a new model. */
export interface NewModelOptions extends NewModelShape {
  /** The same seed gives the same weights, in every engine. Default: 0. */
  readonly seed?: number;
  /** The parsed tokenizer.json and tokenizer_config.json that texts are to be encoded with. */
  readonly tokenizer?: object;
  readonly tokenizerConfig?: object;
}

const optionNames: OptionNames<NewModelOptions> = {
  vocabularySize: true,
  layers: true,
  heads: true,
  channels: true,
  contextLength: true,
  hidden: true,
  activation: true,
  beginToken: true,
  endToken: true,
  seed: true,
  tokenizer: true,
  tokenizerConfig: true,
};

/**
 * Returns config and random weights of a new model. Matrices and embeddings are normal with deviation 0.02, and divided by
 * √(2 · layers) if they end a residual branch. Gains of norms are 1, biases 0. The head is the token embedding.
 * @throws ArgumentError for an impossible shape.
 *
 * @example
 * ```ts
 * import { createModelParts, Model } from "weft-webgpu";
 *
 * const shape = { layers: 2, heads: 4, channels: 64, contextLength: 64, vocabularySize: 256 };
 * await using model = await Model.load(createModelParts(shape));
 * for await (const { loss } of model.train([[1, 2, 3], [4, 5, 6, 7]], { steps: 10 })) console.log(loss);
 * ```
 */
export function createModelParts(
  options: NewModelOptions,
): ModelParts & { readonly weights: Uint8Array<ArrayBuffer> } {
  checkOptionNames(options, optionNames);
  const { seed, tokenizer, tokenizerConfig, ...shape } = options;
  const config = newModelFamily.newConfig!(shape);
  const model = checkShape(config, shape);
  const checkedSeed = checkWhole("seed", seed, 0, { least: 0, most: Number.MAX_SAFE_INTEGER });
  return {
    config,
    weights: writeSafetensors(randomTensors(model, checkedSeed), { format: "pt" }),
    ...(tokenizer ? { tokenizer } : {}),
    ...(tokenizerConfig ? { tokenizerConfig } : {}),
  };
}

function checkShape(config: object, received: NewModelShape): FamilyModel {
  try {
    return readModelConfig(config, "the new model");
  } catch (cause) {
    throw new ArgumentError({
      argument: "options",
      expected: "sizes above 0, heads that divide the channels, and tokens of the vocabulary",
      received,
      remedy: cause instanceof Error ? cause.message : "Correct the shape.",
    });
  }
}

/** Returns every tensor that the model needs, with the names and shapes of files. */
function randomTensors({ family, config }: FamilyModel, seed: number): StoredTensor[] {
  const random = new SeededRandom(seed);
  const parameters = listParameters(config, family.recipe(config), family.tensors(config), { format: "f32" });
  const required = [...listFileTensors(parameters).values()].filter(({ isRequired }) => isRequired);
  return required.map(({ key, shape, outputs, inputs, parts }) => {
    const { start } = parts[0]!.parameter;
    const next =
      "value" in start ? (): number => start.value : (): number => start.deviation * random.normal();
    const values = Float32Array.from({ length: outputs * inputs }, next);
    return { name: key, dtype: "F32", shape, bytes: new Uint8Array(values.buffer) };
  });
}
