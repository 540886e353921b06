// All families. Finds the one that a config.json belongs to.
import { ConfigReader } from "./config-reader.js";
import type { Family } from "./family.js";
import { gpt2 } from "./gpt2.js";
import type { ModelConfig } from "./model-config.js";

export const families: readonly Family[] = [gpt2];

/** The family of new models. */
export const newModelFamily: Family = gpt2;

/** A model's family and its configuration. */
export interface FamilyModel {
  readonly family: Family;
  readonly config: ModelConfig;
}

/**
 * Reads the parsed content of a config.json. Sizes are required; the rest has Hugging Face's defaults.
 * @throws FormatError naming the key, what was expected and what was received.
 */
export function readModelConfig(
  config: unknown,
  fileName: string = "config.json",
  known: readonly Family[] = families,
): FamilyModel {
  const keys = new ConfigReader(config, fileName);
  const family = familyOf(keys, known);
  if (keys.has("quantization_config")) keys.fail("quantization_config", "unquantized weights");
  return { family, config: family.readConfig(keys) };
}

function familyOf(keys: ConfigReader, known: readonly Family[]): Family {
  const { model_type: modelType, architectures: listed } = keys.keys;
  const fits = ({ modelTypes, architectures }: Family): boolean =>
    (modelType === undefined || modelType === null
      ? listed !== undefined
      : modelTypes.some((name) => name === modelType)) &&
    (listed === undefined || (Array.isArray(listed) && listed.some((name) => architectures.includes(name))));
  const family = known.find(fits);
  if (family) return family;
  const types = known.flatMap(({ modelTypes }) => modelTypes);
  const architectures = known.flatMap(({ architectures: own }) => own);
  const remedy = `weft runs models of these types: ${types.join(", ")}. Choose one of them.`;
  const isTypeKnown = typeof modelType === "string" && types.includes(modelType);
  if (isTypeKnown || (!keys.has("model_type") && listed !== undefined))
    return keys.fail("architectures", `one of ${architectures.join(", ")}`, remedy);
  return keys.fail("model_type", types.join(", "), remedy);
}
