// How the files of a family say in GGUF what config.json says: keys under other names, and what they leave out. Turns a file's
// keys into a config.json, so that one description reads both.
import { FormatError } from "../../errors.js";
import type { TensorNames } from "../family.js";
import type { ModelConfig } from "../model-config.js";

/** What a GGUF file says, as plain values. */
export interface GgufFacts {
  readonly fileName: string;
  /** The key's value: 64-bit integers as numbers if they are exact, float32 as the shortest decimal. Undefined if there is none. */
  value(key: string): unknown;
  /** Names of tensors. */
  readonly tensors: ReadonlySet<string>;
  /** The values of a small tensor, if the file has it. Only of those that a description lists. */
  numbers(tensor: string): readonly number[] | undefined;
}

export interface GgufDescription {
  /** `general.architecture`. */
  readonly architecture: string;
  /** For keys of config.json, those of GGUF without the architecture's name in front. All must be there. */
  readonly keys: Readonly<Record<string, string>>;
  /** As `keys`, of those that files may leave out. */
  readonly optional?: Readonly<Record<string, string>>;
  /** What config.json says and GGUF leaves out. */
  readonly constants: Readonly<Record<string, unknown>>;
  /** Tensors whose values are a part of the configuration. */
  readonly lists?: readonly string[];
  /** What follows from the file by more than a key's name. `own` reads keys of the architecture. */
  readonly more?: (facts: GgufFacts, own: (key: string) => unknown) => Readonly<Record<string, unknown>>;
  /** Names of tensors in GGUF. */
  tensors(config: ModelConfig): TensorNames;
}

/** The content of the config.json that says the same as a GGUF file. @throws FormatError for keys that are missing. */
export function configOfGguf(
  { architecture, keys, optional = {}, constants, more }: GgufDescription,
  facts: GgufFacts,
  vocabularySize: number,
): Record<string, unknown> {
  const own = (key: string): unknown => facts.value(`${architecture}.${key}`);
  const config: Record<string, unknown> = { ...constants, vocab_size: vocabularySize };
  for (const [key, name] of Object.entries(keys)) {
    const value = own(name);
    if (value === undefined)
      throw new FormatError({
        file: facts.fileName,
        problem: `expected the key ${architecture}.${name}, received none`,
        remedy: "The file was converted by an old or broken tool: convert the model again.",
      });
    config[key] = oneForAllLayers(value);
  }
  for (const [key, name] of Object.entries(optional)) {
    const value = own(name);
    if (value !== undefined) config[key] = oneForAllLayers(value);
  }
  config["tie_word_embeddings"] = !facts.tensors.has("output.weight");
  return { ...config, ...more?.(facts, own) };
}

/** Files may say a number once, or once per layer. weft computes layers of one shape; other lists stay lists and are refused. */
function oneForAllLayers(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) return value;
  return value.every((item) => item === value[0]) ? (value[0] as unknown) : value;
}
