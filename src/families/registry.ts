// Finds the family that a config.json belongs to. Those that few pages need are in all-families.ts.
import { ConfigReader } from "./config-reader.js";
import { isRecord } from "../util/json-value.js";
import type { Family } from "./family.js";
import { gemma } from "./gemma.js";
import { gpt2 } from "./gpt2.js";
import { llamaLike } from "./llama.js";
import type { ModelConfig } from "./model-config.js";

/** The families that most pages have a model of. */
export const usualFamilies: readonly Family[] = [gpt2, ...llamaLike, ...gemma];

/** Whether the parsed content of a config.json is of one of them, by its `model_type`. */
export function isUsual(config: unknown): boolean {
  const modelType = isRecord(config) ? config["model_type"] : undefined;
  return usualFamilies.some(({ modelTypes, wrappers = [] }) =>
    [...modelTypes, ...wrappers].some((name) => name === modelType),
  );
}

/** The family of new models. */
export const newModelFamily: Family = gpt2;

/** A model's family and its configuration. */
export interface FamilyModel {
  readonly family: Family;
  readonly config: ModelConfig;
  /** The content of config.json, or the part of a multimodal model's that is about its text model, as a file of its own. */
  readonly configFile: Readonly<Record<string, unknown>>;
}

/**
 * Reads the parsed content of a config.json. Sizes are required; the rest has Hugging Face's defaults. `known`: the families to
 * choose from. Default: the usual ones.
 * @throws FormatError naming the key, what was expected and what was received.
 */
export function readModelConfig(
  config: unknown,
  fileName: string = "config.json",
  known: readonly Family[] = usualFamilies,
): FamilyModel {
  const whole = new ConfigReader(config, fileName);
  const keys = textModelOf(whole, known) ?? whole;
  const family = familyOf(keys, known);
  return { family, config: family.readConfig(keys), configFile: keys.keys };
}

/** The text model of a multimodal model that wraps one of a known family. What the file says of its weights is outside. */
function textModelOf(whole: ConfigReader, known: readonly Family[]): ConfigReader | undefined {
  const { model_type: modelType, text_config: own } = whole.keys;
  const family = known.find(({ wrappers }) => wrappers?.some((name) => name === modelType));
  if (!family) return undefined;
  if (!isRecord(own)) return whole.fail("text_config", "the configuration of the text model");
  const { tie_word_embeddings: tied } = whole.keys;
  return whole.within("text_config.", {
    model_type: family.modelTypes[0],
    ...(tied === undefined ? {} : { tie_word_embeddings: tied }),
    ...own,
    architectures: [family.architectures[0]],
  });
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
  const types = known.flatMap(({ modelTypes, wrappers = [] }) => [...modelTypes, ...wrappers]);
  const remedy = `weft runs models of these types: ${types.join(", ")}. Choose one of them.`;
  const own = known.filter(({ modelTypes }) => modelTypes.some((name) => name === modelType));
  const isUntyped = !keys.has("model_type") && listed !== undefined;
  if (own.length === 0 && !isUntyped) return keys.fail("model_type", "a type that weft runs", remedy);
  const architectures = own.flatMap((of) => of.architectures);
  return keys.fail(
    "architectures",
    isUntyped ? "a model that weft runs" : `one of ${architectures.join(", ")}`,
    remedy,
  );
}
