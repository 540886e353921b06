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
  /** In front of the names of keys, for an object within the file: "rope_scaling.". */
  readonly #path: string;
  /** For files that call keys by other names: returns the name of a key there. */
  readonly #nameOf: (key: string) => string;

  /** `config` is the parsed content of the file. Throws FormatError if it is not an object. */
  constructor(
    config: unknown,
    fileName: string,
    path: string = "",
    nameOf: (key: string) => string = (key) => key,
  ) {
    if (!isRecord(config)) {
      const problem = `expected an object, received ${showJson(config)}`;
      throw new FormatError({ file: fileName, problem, remedy: "Pass the parsed content of config.json." });
    }
    this.keys = config;
    this.#fileName = fileName;
    this.#path = path;
    this.#nameOf = nameOf;
  }

  /** A reader of an object within this one. `path` is in front of its keys in messages: "rope_scaling.". */
  within(path: string, keys: Readonly<Record<string, unknown>>): ConfigReader {
    return new ConfigReader(keys, this.#fileName, `${this.#path}${path}`, this.#nameOf);
  }

  /** The same with values for keys that the file does not have. A key that is null stays so. */
  withDefaults(defaults: Readonly<Record<string, unknown>>): ConfigReader {
    return new ConfigReader({ ...defaults, ...this.keys }, this.#fileName, this.#path, this.#nameOf);
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

  /** A whole number of at least 0. */
  whole(key: string): number {
    const value = this.keys[key];
    return isWholeNumber(value) && value >= 0 ? value : this.fail(key, "a whole number of at least 0");
  }

  /** A whole number above 0, or undefined if the key is absent or null. */
  optionalSize(key: string): number | undefined {
    return this.has(key) ? this.size(key) : undefined;
  }

  positive(key: string, missing?: number): number {
    const value = this.keys[key] ?? missing;
    return isPositive(value) ? value : this.fail(key, "a number above 0");
  }

  /** A number above 0, or undefined if the key is absent or null. */
  optionalPositive(key: string): number | undefined {
    return this.has(key) ? this.positive(key) : undefined;
  }

  /** A list of `count` numbers above 0. */
  numbers(key: string, count: number): readonly number[] {
    const value = this.keys[key];
    if (Array.isArray(value) && value.length === count && value.every(isPositive)) return value;
    return this.fail(key, `a list of ${count} numbers above 0`);
  }

  /** A list of `count` of these values, or undefined if the key is absent or null. */
  list<Value extends string | number>(
    key: string,
    values: readonly Value[],
    count: number,
  ): readonly Value[] | undefined {
    const list = this.keys[key] ?? undefined;
    if (list === undefined) return undefined;
    const isOwn = (value: unknown): value is Value => values.some((own) => own === value);
    if (Array.isArray(list) && list.length === count && list.every(isOwn)) return list;
    return this.fail(key, `a list of ${count} of ${values.join(", ")}, one per layer`);
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
      problem: `${this.#path}${this.#nameOf(key)}: expected ${expected}, received ${showJson(this.keys[key])}`,
      remedy,
    });
  }
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function isWholeNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
