// Reads the fields of a request. A field that is null counts as left out, as with OpenAI. Every failure names the field.
import {
  describeReal,
  describeWhole,
  isRealIn,
  isWholeIn,
  type RealRange,
  type WholeRange,
} from "../../util/check.js";
import { isRecord, showJson } from "../../util/json-value.js";
import { badField, type ApiFailure } from "../http/failure.js";

/** What becomes of the fields that a route knows. All others are refused. */
export interface FieldTable {
  readonly handled: readonly string[];
  /** Those that do not change the answer. */
  readonly ignored: readonly string[];
  /** Why weft cannot do what they ask for. Values that ask for nothing are taken. */
  readonly refused: Readonly<Record<string, Refusal>>;
}

export interface Refusal {
  readonly because: string;
  /** Whether the value asks for nothing. Default: none but null does. */
  readonly unless?: (value: unknown) => boolean;
}

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  /** `path`: where these fields are, such as "messages[2].". */
  constructor(values: Readonly<Record<string, unknown>>, path: string = "") {
    this.#values = values;
    this.#path = path;
  }

  /** The field's name in messages. */
  pathOf(name: string): string {
    return this.#path + name;
  }

  /** Undefined where it is left out or null. */
  value(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** @throws ApiFailure for fields that are unknown, or ask for what weft cannot do. */
  expectKnown({ handled, ignored, refused }: FieldTable): void {
    for (const name of Object.keys(this.#values)) {
      const value = this.value(name);
      if (value === undefined || handled.includes(name) || ignored.includes(name)) continue;
      const refusal = Object.hasOwn(refused, name) ? refused[name] : undefined;
      if (!refusal) throw badField(this.pathOf(name), `Unknown parameter: '${name}'.`, "unknown_parameter");
      if (!refusal.unless?.(value)) throw this.unsupported(name, refusal.because);
    }
  }

  unsupported(name: string, because: string): ApiFailure {
    return badField(this.pathOf(name), `${this.pathOf(name)}: ${because}`, "unsupported_parameter");
  }

  wrong(name: string, expected: string): ApiFailure {
    const received = this.has(name) ? showJson(this.value(name)) : "nothing";
    return badField(
      this.pathOf(name),
      `${this.pathOf(name)}: expected ${expected}, received ${received}.`,
      this.has(name) ? "invalid_value" : "missing_required_parameter",
    );
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.wrong(name, "a string");
  }

  neededText(name: string): string {
    const text = this.text(name);
    if (text === undefined) throw this.wrong(name, "a string");
    return text;
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.wrong(name, "true or false");
  }

  whole(name: string, range: WholeRange): number | undefined {
    const value = this.value(name);
    if (value === undefined || isWholeIn(value, range)) return value;
    throw this.wrong(name, describeWhole(range));
  }

  real(name: string, range: RealRange): number | undefined {
    const value = this.value(name);
    if (value === undefined || isRealIn(value, range)) return value;
    throw this.wrong(name, describeReal(range));
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw this.wrong(name, `one of ${choices.map((choice) => `'${choice}'`).join(", ")}`);
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.value(name);
    if (value === undefined || Array.isArray(value)) return value as readonly unknown[] | undefined;
    throw this.wrong(name, "an array");
  }

  record(name: string): Fields | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (isRecord(value)) return new Fields(value, `${this.pathOf(name)}.`);
    throw this.wrong(name, "an object");
  }

  /** The objects of a list. */
  records(name: string): readonly Fields[] | undefined {
    return this.list(name)?.map((value, index) => {
      if (isRecord(value)) return new Fields(value, `${this.pathOf(name)}[${index}].`);
      const path = `${this.pathOf(name)}[${index}]`;
      throw badField(path, `${path}: expected an object, received ${showJson(value)}.`, "invalid_value");
    });
  }

  /** The object itself, for what takes it as it is. */
  plain(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.value(name);
    if (value === undefined || isRecord(value)) return value;
    throw this.wrong(name, "an object");
  }
}
