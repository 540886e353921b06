// Puts the tensors together that a matrix is stored in by GPTQ, AWQ or MLX, as they come from a file, in any order.
import { FormatError, ShapeError } from "../../errors.js";
import type { Grouping } from "./grouping.js";
import type { StoredTensor } from "../../files/safetensors.js";
import type { FileTensor } from "./file-tensors.js";
import { rowsFor, type FileWeight } from "./read-weights.js";
import { dequantiseBlocks } from "../../tensor/blocks/dequantise.js";
import { isDtype, toFloat32 } from "../../tensor/formats.js";
import type { AffineRows } from "../../tensor/grouped/affine-rows.js";
import { bitsOf, partsOfScheme, toAffineRows, wholesOfScheme } from "../../tensor/grouped/schemes.js";

/** Says which inputs are of which group, where GPTQ has sorted them. Other schemes have none. */
const GROUP_INDEX = "g_idx";

const remedy = "Choose the model in another format: GGUF, MLX, or plain weights.";

/** What the model expects of a matrix. */
export type MatrixExtent = Pick<FileTensor, "outputs" | "inputs">;

/** A part of a matrix by its name in a file. */
export interface PartName {
  /** What the matrix is called: "model.layers.0.mlp.down_proj.weight". */
  readonly weight: string;
  /** The end of the name: "scales". */
  readonly part: string;
}

/** How the files of a model store quantised matrices. */
export class GroupedFiles {
  readonly #scheme: Grouping;

  constructor(scheme: Grouping) {
    this.#scheme = scheme;
  }

  /** Returns what a tensor of a file is a part of, or undefined if it is none. Without `dtype`, what it may be. */
  partOf(name: string, dtype?: string): PartName | undefined {
    const at = name.lastIndexOf(".");
    const part = name.slice(at + 1);
    const isPart =
      partsOfScheme[this.#scheme].includes(part) || (part === GROUP_INDEX && this.#scheme !== "mlx");
    // MLX leaves some matrices as they are.
    if (!isPart || (part === "weight" && dtype !== undefined && dtype !== "U32")) return undefined;
    return { weight: `${name.slice(0, at)}.weight`, part };
  }

  /** What files call the format of a matrix, if these are its whole numbers; for `formatsOfFiles`. */
  formatOf({ part }: PartName, shape: readonly number[], extent: MatrixExtent): string | undefined {
    if (part !== wholesOfScheme(this.#scheme)) return undefined;
    return bitsOf(this.#scheme, shape, extent) === 4 ? "affine4" : "mixed";
  }

  /** To read them once. */
  begin(): GroupedWeights {
    return new GroupedWeights(this.#scheme, "model.safetensors");
  }
}

/** Holds the parts of each matrix until all are there. */
export class GroupedWeights {
  readonly #scheme: Grouping;
  readonly #file: string;
  readonly #begun = new Map<string, Map<string, StoredTensor>>();

  constructor(scheme: Grouping, file: string) {
    this.#scheme = scheme;
    this.#file = file;
  }

  /**
   * Takes a part of the matrix `tensor`. Returns the matrix once it was the last one.
   * @throws ShapeError for parts of other shapes; FormatError for bits or an order of inputs that weft does not compute from.
   */
  add({ weight, part }: PartName, stored: StoredTensor, tensor: FileTensor): FileWeight | undefined {
    if (part === GROUP_INDEX) {
      this.#expectInOrder(stored);
      return undefined;
    }
    if (tensor.order !== "out,in")
      this.#fail(`${weight}: expected plain weights, as this family stores a matrix by its inputs`);
    const parts = this.#begun.get(weight) ?? new Map<string, StoredTensor>();
    this.#begun.set(weight, parts.set(part, stored));
    if (parts.size < partsOfScheme[this.#scheme].length) return undefined;
    this.#begun.delete(weight);
    const { bytes, format } = this.#join(weight, parts, tensor);
    return {
      tensor,
      ...rowsFor(tensor, format.name, { format, bytes }, () => dequantiseBlocks(bytes, format)),
    };
  }

  /** @throws FormatError if parts of a matrix are missing. */
  expectComplete(): void {
    for (const [weight, parts] of this.#begun) {
      const missing = partsOfScheme[this.#scheme].filter((part) => !parts.has(part));
      this.#fail(
        `expected ${missing.join(" and ")} of ${weight}, received only ${[...parts.keys()].join(", ")}`,
      );
    }
  }

  #join(weight: string, parts: ReadonlyMap<string, StoredTensor>, extent: MatrixExtent): AffineRows {
    const scheme = this.#scheme;
    const { outputs, inputs } = extent;
    const wholes = parts.get(wholesOfScheme(scheme))!;
    const bits = bitsOf(scheme, wholes.shape, extent);
    const scales = parts.get("scales")!;
    const [outputAxis, groupAxis] = scheme === "mlx" ? [0, 1] : [1, 0];
    const groups = scales.shape[groupAxis]!;
    const group = inputs / groups;
    if (bits === undefined || scales.shape.length !== 2 || scales.shape[outputAxis] !== outputs)
      return this.#failShape(weight, bits === undefined ? wholes : scales, extent);
    if (bits !== 4 && !(bits === 8 && scheme !== "awq"))
      return this.#fail(`${weight}: expected ${scheme === "awq" ? "4" : "4 or 8"} bits, received ${bits}`);
    if (group % 32 !== 0)
      return this.#fail(`${weight}: expected groups of a multiple of 32 inputs, received ${group}`);
    const zeros = parts.get("qzeros");
    if (zeros && zeros.shape.join() !== [groups, (outputs * bits) / 32].join())
      return this.#failShape(weight, zeros, extent);
    const biases = parts.get("biases");
    if (biases && biases.shape.join() !== scales.shape.join()) return this.#failShape(weight, biases, extent);
    return toAffineRows(scheme, {
      outputs,
      inputs,
      bits,
      group,
      wholes: this.#words(wholes),
      scales: this.#floats(scales),
      ...(zeros ? { zeros: this.#words(zeros) } : {}),
      ...(biases ? { biases: this.#floats(biases) } : {}),
    });
  }

  #words({ name, dtype, bytes }: StoredTensor): Uint32Array {
    if (dtype !== "I32" && dtype !== "U32") this.#fail(`${name}: expected I32 or U32, received ${dtype}`);
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  }

  #floats({ name, dtype, bytes }: StoredTensor): Float32Array {
    if (!isDtype(dtype)) return this.#fail(`${name}: expected F32, F16 or BF16, received ${dtype}`);
    return toFloat32(bytes, dtype);
  }

  /** Groups must be consecutive inputs: a kernel reads the scale of a group once. */
  #expectInOrder(stored: StoredTensor): void {
    const own = this.#words(stored);
    const group = own.length / (own.at(-1)! + 1);
    if (own.every((value, input) => value === Math.floor(input / group))) return;
    this.#fail(
      `${stored.name}: expected groups of consecutive inputs, received inputs that were sorted before (desc_act)`,
    );
  }

  #failShape(weight: string, { name, dtype, shape }: StoredTensor, { outputs, inputs }: MatrixExtent): never {
    throw new ShapeError({
      tensor: name,
      expected: `a part of ${weight} [${outputs}, ${inputs}] as ${this.#scheme} packs it`,
      received: `${dtype} [${shape.join(", ")}]`,
      remedy: "The weights and config.json are of different models, or quantised in another way.",
    });
  }

  #fail(problem: string): never {
    throw new FormatError({ file: this.#file, problem, remedy });
  }
}
