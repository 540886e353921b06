// Reads the keys of a config.json with their types. An unusable value is refused with the name of its key.
import { FormatError } from "../errors.js";
import { isRecord, showJson } from "../util/json-value.js";

/** No model is as large: what is made for each layer, or addressed by 32 bits, would find out late. */
const MOST_LAYERS = 10_000;
const MOST_SIZE = 2 ** 31 - 1;

/** A key that is null counts as absent, as in Hugging Face's files. */
export class ConfigReader {
  readonly keys: Readonly<Record<string, unknown>>;
  readonly #fileName: string;

  /** `config` is the parsed content of the file. Throws FormatError if it is not an object. */
  constructor(config: unknown, fileName: string) {
    if (!isRecord(config)) {
      const problem = `expected an object, received ${showJson(config)}`;
      throw new FormatError({ file: fileName, problem, remedy: "Pass the parsed content of config.json." });
    }
    this.keys = config;
    this.#fileName = fileName;
  }

  has(key: string): boolean {
    return (this.keys[key] ?? undefined) !== undefined;
  }

  /** A whole number above 0. */
  size(key: string, most: number = MOST_SIZE): number {
    const value = this.keys[key];
    if (isWholeNumber(value) && value > 0 && value <= most) return value;
    return this.fail(
      key,
      `a whole number ${isWholeNumber(value) && value > most ? `from 1 to ${most}` : "above 0"}`,
    );
  }

  /** As `size`, of layers: so many that a larger number is a mistake, which would cost minutes. */
  layers(key: string): number {
    return this.size(key, MOST_LAYERS);
  }

  positive(key: string, missing: number): number {
    const value = this.keys[key] ?? missing;
    return typeof value === "number" && value > 0 ? value : this.fail(key, "a number above 0");
  }

  flag(key: string, missing: boolean): boolean {
    const value = this.keys[key] ?? missing;
    return typeof value === "boolean" ? value : this.fail(key, "true or false");
  }

  /** Refuses every value but `computed`, the one that weft computes. An absent key counts as that value. */
  expectFlag(key: string, computed: boolean): void {
    if (this.flag(key, computed) !== computed) this.fail(key, String(computed));
  }

  choice<Name extends string>(key: string, names: readonly Name[], missing?: Name): Name {
    const value = this.keys[key] ?? missing;
    return names.find((name) => name === value) ?? this.fail(key, names.join(", "));
  }

  /**
   * A token id, or undefined. Small models often keep an id of the large vocabulary that theirs was cut from. Such an id is
   * never produced, so it counts as absent.
   */
  token(key: string, vocabularySize: number): number | undefined {
    const value = this.keys[key] ?? undefined;
    if (value === undefined) return undefined;
    if (!isWholeNumber(value) || value < 0) return this.fail(key, "a token id or null");
    return value < vocabularySize ? value : undefined;
  }

  /** Token ids: the key may hold one, a list, or none. Ids beyond the vocabulary are left out, as in `token`. */
  tokens(key: string, vocabularySize: number): readonly number[] {
    const ids = [this.keys[key] ?? []].flat() as unknown[];
    if (!ids.every((id): id is number => isWholeNumber(id) && id >= 0))
      return this.fail(key, "a token id, a list of them, or null");
    return ids.filter((id) => id < vocabularySize);
  }

  fail(
    key: string,
    expected: string,
    remedy: string = "weft computes nothing else for this key: choose another model.",
  ): never {
    throw new FormatError({
      file: this.#fileName,
      problem: `${key}: expected ${expected}, received ${showJson(this.keys[key])}`,
      remedy,
    });
  }
}

function isWholeNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
