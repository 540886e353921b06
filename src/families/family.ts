// The description of a family of models. It is all that weft knows about the family, and it is data.
import type { ConfigReader } from "./config-reader.js";
import type { GgufDescription } from "./gguf/description.js";
import type { ModelConfig } from "./model-config.js";
import type { NewModelShape } from "./new-model-shape.js";
import type { Recipe, Role } from "./recipe.js";

/**
 * Outputs of a tensor in a file, in order: all of them, or `count` blocks of `size` outputs that begin `stride` apart. This
 * describes a role that is a part of a fused tensor, whether its outputs are consecutive or interleaved head by head.
 */
export interface TensorPart {
  /** The name without ".weight" or ".bias"; "{l}" stands for the layer. */
  readonly of: string;
  /** The first output. Default: 0. */
  readonly first?: number;
  /** Outputs per block. Default: all that the role has. */
  readonly size?: number;
  readonly count?: number;
  readonly stride?: number;
  /**
   * If positions turn these outputs and the file keeps the two numbers of a pair half of `turned` apart: the width of a head, and
   * how many of its numbers are turned. weft has them side by side, (x₂ᵢ, x₂ᵢ₊₁).
   */
  readonly halves?: { readonly width: number; readonly turned: number };
}

/** Where a file holds a role: a tensor, a part of one, or several that are joined in order. */
export interface RoleSource {
  readonly parts: readonly TensorPart[];
  /** How files hold the matrix: as rows of outputs, or turned. Default: "out,in". */
  readonly order?: "out,in" | "in,out";
  /** Added to the weights as they are read, if files hold them with an offset. */
  readonly offset?: number;
}

/** The names of a model's tensors in one kind of file. */
export interface TensorNames {
  readonly roles: Readonly<Record<Role, RoleSource>>;
  /** Names in files may begin with one of these prefixes. */
  readonly prefixes: readonly string[];
  /** What names begin with that files may leave out. */
  readonly base?: string;
  /** Other names that files may have: "lm_head" for "embed_out". */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Matches names of tensors that files may hold but that the model does not use. */
  readonly ignored: RegExp;
}

export interface Family {
  readonly name: string;
  /** `model_type` of multimodal models whose `text_config` is of this family. Their other parts are left out. */
  readonly wrappers?: readonly string[];
  /** `model_type` of config.json. */
  readonly modelTypes: readonly string[];
  /** Members of `architectures` of config.json. */
  readonly architectures: readonly string[];
  /** Checks every key that changes the arithmetic. Throws FormatError for what weft does not compute. */
  readConfig(keys: ConfigReader): ModelConfig;
  recipe(config: ModelConfig): Recipe;
  /** Names in Hugging Face's safetensors files. */
  tensors(config: ModelConfig): TensorNames;
  /** How GGUF files say the same. */
  readonly gguf?: GgufDescription;
  /** Returns the config.json of a new model, if new models of this family can be made. */
  newConfig?(shape: NewModelShape): Readonly<Record<string, unknown>>;
}

/** A role that is one tensor. */
export function tensor(of: string, order?: RoleSource["order"]): RoleSource {
  return { parts: [{ of }], ...(order ? { order } : {}) };
}
