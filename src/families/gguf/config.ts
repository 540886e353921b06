// Finds the family of a GGUF file and reads its configuration.
import { FormatError } from "../../errors.js";
import { showJson } from "../../util/json-value.js";
import { ConfigReader } from "../config-reader.js";
import type { Family } from "../family.js";
import { configOfGguf, type GgufDescription, type GgufFacts } from "./description.js";
import type { FamilyModel } from "../registry.js";

/** The description of a file's architecture. @throws FormatError that lists those that weft knows. */
export function ggufFamily(
  architecture: unknown,
  fileName: string,
  known: readonly Family[],
): { readonly family: Family; readonly description: GgufDescription } {
  for (const family of known)
    if (family.gguf && family.gguf.architecture === architecture) return { family, description: family.gguf };
  const names = known.flatMap(({ gguf }) => gguf?.architecture ?? []);
  throw new FormatError({
    file: fileName,
    problem: `general.architecture: expected one of ${names.join(", ")}, received ${showJson(architecture)}`,
    remedy: "weft runs GGUF files of these architectures: choose one of them.",
  });
}

/**
 * Reads the configuration of a file of this family. `tokens` are what the file says of its vocabulary, as config.json has it.
 * @throws FormatError naming the key, what was expected and what was received.
 */
export function readGgufConfig(
  { family, description }: { readonly family: Family; readonly description: GgufDescription },
  facts: GgufFacts,
  tokens: {
    readonly vocab_size: number;
    readonly bos_token_id?: number | undefined;
    readonly eos_token_id?: readonly number[];
  },
): FamilyModel {
  const { vocab_size: vocabularySize, ...ids } = tokens;
  const configFile = { ...configOfGguf(description, facts, vocabularySize), ...ids };
  const { architecture, keys, optional } = description;
  const nameOf = (key: string): string => {
    const own = keys[key] ?? optional?.[key];
    return own === undefined ? key : `${architecture}.${own}`;
  };
  const config = family.readConfig(new ConfigReader(configFile, facts.fileName, "", nameOf));
  return { family, config, configFile };
}
