// Lists the tensors of files that a model's parameters are read from and saved to, and finds what a file lacks. A parameter may
// be a part of a tensor, or be joined from several.
import { FormatError, ShapeError } from "../../errors.js";
import type { RoleSource, TensorNames, TensorPart } from "../../families/family.js";
import { isDtype, type WeightFormat } from "../../tensor/formats.js";
import type { Parameter, Piece } from "./parameters.js";

/** The outputs of a tensor that belong to one parameter. */
export interface FilePart {
  readonly parameter: Parameter;
  /** The pieces of the parameter that these outputs go to, which all have this format. */
  readonly pieces: readonly Piece[];
  readonly format: WeightFormat;
  /** The first of the parameter's outputs that the tensor has, and how many it has. */
  readonly firstOutput: number;
  readonly count: number;
  /** Whether outputs of a head are in another order than in the file. */
  readonly isMoved: boolean;
  /** Returns where output i of these, from 0 on, is among the tensor's outputs. */
  readonly outputAt: (index: number) => number;
}

/** A tensor of a file. */
export interface FileTensor {
  /** The name in files, without prefix: "h.0.attn.c_attn.weight". */
  readonly key: string;
  readonly shape: readonly number[];
  /** All outputs and inputs of the tensor. A vector has one input. */
  readonly outputs: number;
  readonly inputs: number;
  readonly order: "out,in" | "in,out";
  /** Added to what the file holds. */
  readonly offset: number;
  readonly isRequired: boolean;
  readonly parts: readonly FilePart[];
}

/**
 * Returns all tensors that files of a model hold or may hold, by key, in the order of the parameters. `names` are those of the
 * kind of file; default: those that the parameters were listed with.
 */
export function listFileTensors(
  parameters: readonly Parameter[],
  names?: TensorNames,
): ReadonlyMap<string, FileTensor> {
  const parts = new Map<string, FilePart[]>();
  const sourceOf = ({ role, source }: Parameter): RoleSource => names?.roles[role] ?? source;
  for (const parameter of parameters) {
    if (parameter.stored === "never") continue;
    let firstOutput = 0;
    const source = sourceOf(parameter);
    for (const own of source.parts) {
      const part = partOf(parameter, own, firstOutput, source.parts.length);
      firstOutput += part.count;
      const key = tensorKey(own.of, parameter.layer, parameter.part);
      const others = parts.get(key);
      if (others) others.push(part);
      else parts.set(key, [part]);
    }
  }
  return new Map([...parts].map(([key, own]) => [key, tensorOf(key, own, sourceOf(own[0]!.parameter))]));
}

/** The key of a tensor by a family's name for it. */
export const tensorKey = (of: string, layer: number | undefined, part: Parameter["part"]): string =>
  `${of.replace("{l}", String(layer))}.${part}`;

/** The outputs of a part, of as many parts as `size` outputs are joined from. */
export const outputsOf = (own: TensorPart, size: number, parts: number): number =>
  (own.count ?? 1) * (own.size ?? size / parts);

function partOf(parameter: Parameter, own: TensorPart, firstOutput: number, parts: number): FilePart {
  const { first = 0 } = own;
  const size = own.size ?? parameter.outputs.size / parts;
  const stride = own.stride ?? size;
  const turn = own.halves ? pairsOf(own.halves) : (index: number): number => index;
  const count = outputsOf(own, parameter.outputs.size, parts);
  const pieces = parameter.pieces.filter(
    (piece) => piece.first < firstOutput + count && firstOutput < piece.first + piece.count,
  );
  return {
    parameter,
    pieces,
    format: pieces[0]!.format,
    firstOutput,
    count,
    isMoved: own.halves !== undefined,
    outputAt: (index) => {
      const at = turn(index);
      return first + Math.floor(at / size) * stride + (at % size);
    },
  };
}

/** Returns where an output is in the file, if pairs are side by side here and half of what is turned apart there. */
function pairsOf({ width, turned }: NonNullable<TensorPart["halves"]>): (index: number) => number {
  return (index) => {
    const own = index % width;
    return own >= turned ? index : index - own + (own % 2) * (turned / 2) + Math.floor(own / 2);
  };
}

function tensorOf(key: string, parts: readonly FilePart[], source: RoleSource): FileTensor {
  const [{ parameter }] = parts as [FilePart];
  const outputs = Math.max(...parts.map(({ count, outputAt }) => outputAt(count - 1) + 1));
  const inputs = parameter.inputs?.size ?? 1;
  const order = source.order ?? "out,in";
  const shape = !parameter.inputs ? [outputs] : order === "out,in" ? [outputs, inputs] : [inputs, outputs];
  return {
    key,
    shape,
    outputs,
    inputs,
    order,
    offset: parameter.part === "weight" ? (source.offset ?? 0) : 0,
    isRequired: parts.some((part) => part.parameter.stored === "always"),
    parts,
  };
}

/** What a kind of file may hold weights in, and the file's name for messages. */
export interface WeightFiles {
  readonly file: string;
  /** What says which tensors there must be. */
  readonly described: string;
  readonly isReadable: (format: string) => boolean;
  readonly formats: string;
}

const safetensorsFiles: WeightFiles = {
  file: "model.safetensors",
  described: "config.json",
  isReadable: isDtype,
  formats: "F32, F16 or BF16",
};

/** Matches the tensors of files with those of one model, one by one. */
export class TensorMatcher {
  readonly #expected: ReadonlyMap<string, FileTensor>;
  readonly #names: TensorNames;
  readonly #files: WeightFiles;
  readonly #aliases: readonly (readonly [from: string, to: string])[];
  readonly #nameByKey = new Map<string, string>();
  readonly #unexpected: string[] = [];

  constructor(
    tensors: ReadonlyMap<string, FileTensor>,
    names: TensorNames,
    files: WeightFiles = safetensorsFiles,
  ) {
    this.#expected = tensors;
    this.#names = names;
    this.#files = files;
    this.#aliases = Object.entries(names.aliases ?? {});
  }

  /** Names of tensors that the model has no use for. */
  get unexpected(): readonly string[] {
    return this.#unexpected;
  }

  /** Whether the model uses a tensor of this name, whatever its shape is. Notes its name if it does not. */
  expects(name: string): boolean {
    const key = this.keyOf(name);
    if (this.#expected.has(key)) return true;
    if (!this.#names.ignored.test(key)) this.#unexpected.push(name);
    return false;
  }

  /**
   * Returns the model's tensor that a file holds as `stored`, or undefined if the model does not use it.
   * @throws ShapeError for another shape or number format; FormatError when the model has that tensor already.
   */
  match(stored: {
    readonly name: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }): { readonly tensor: FileTensor; readonly dtype: string } | undefined {
    if (!this.expects(stored.name)) return undefined;
    const key = this.keyOf(stored.name);
    const tensor = this.#expected.get(key)!;
    const { dtype, shape } = stored;
    if (!this.#files.isReadable(dtype) || shape.join() !== tensor.shape.join()) {
      throw new ShapeError({
        tensor: stored.name,
        expected: `${this.#files.formats} [${tensor.shape.join(", ")}]`,
        received: `${dtype} [${shape.join(", ")}]`,
        remedy: `The weights and ${this.#files.described} are of different models, or in a number format weft does not read.`,
      });
    }
    const earlier = this.#nameByKey.get(key);
    if (earlier !== undefined) {
      throw new FormatError({
        file: this.#files.file,
        problem: `expected each tensor once, received "${earlier}" and "${stored.name}"`,
        remedy: "Export the model again.",
      });
    }
    this.#nameByKey.set(key, stored.name);
    return { tensor, dtype };
  }

  /** @throws FormatError naming the required tensors that have not been matched. */
  expectComplete(): void {
    const missing = [...this.#expected.values()].filter(
      ({ key, isRequired }) => isRequired && !this.#nameByKey.has(key),
    );
    if (missing.length === 0) return;
    const names = listFirst(missing.map(({ key }) => key));
    const unexpected = this.#unexpected.length === 0 ? "" : `; unexpected: ${listFirst(this.#unexpected)}`;
    throw new FormatError({
      file: this.#files.file,
      problem: `expected ${this.#expected.size} tensors, received none of ${names}${unexpected}`,
      remedy: `The weights and ${this.#files.described} are of different models, or the export is incomplete.`,
    });
  }

  /** The key that a file means by `name`: with or without one of the prefixes, the base, or another name. */
  keyOf(name: string): string {
    const { prefixes, base = "" } = this.#names;
    const own = prefixes
      .filter((prefix) => name.startsWith(prefix))
      .map((prefix) => name.slice(prefix.length));
    const keys = [...own, name].flatMap((key) => [key, base + key]);
    for (const [from, to] of this.#aliases)
      if (name.startsWith(`${from}.`)) keys.push(to + name.slice(from.length));
    return keys.find((key) => this.#expected.has(key)) ?? own[0] ?? name;
  }
}

/**
 * The names of a model whose head is its embedding, in files that hold it as either: as the head alone it is read as the embedding.
 * `stored`: the names of all tensors of the files.
 */
export function namesOfTied(names: TensorNames, stored: Iterable<string>): TensorNames {
  const [tokens, head] = ["tokens", "head"].map((role) => names.roles[role]?.parts[0]?.of);
  if (tokens === undefined || head === undefined) return names;
  const all = [...stored];
  const has = (of: string): boolean =>
    all.some((name) => name === `${of}.weight` || name.endsWith(`.${of}.weight`));
  if (has(tokens) || !has(head)) return names;
  return { ...names, aliases: { ...names.aliases, [head]: tokens } };
}

/** The first names, and how many more there are. */
function listFirst(names: readonly string[]): string {
  const most = 12;
  const more = names.length > most ? ` and ${names.length - most} more` : "";
  return `${names.slice(0, most).join(", ")}${more}`;
}
