// What a family of models says about itself: all that weft knows of it, and all of it data.
import type { ConfigReader } from "./config-reader.js";
import type { ModelConfig } from "./model-config.js";
import type { NewModelShape } from "./new-model-shape.js";
import type { Recipe, Role } from "./recipe.js";

/**
 * Outputs of a tensor of a file, in order: all of them, or `count` blocks of `size` outputs that begin `stride` apart. So a
 * role can be a part of a fused tensor, one after the other or interleaved head by head.
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
}

/** Where a file holds a role: a tensor, a part of one, or several that are joined in order. */
export interface RoleSource {
  readonly parts: readonly TensorPart[];
  /** How files hold the matrix: as rows of outputs, or turned. Default: "out,in". */
  readonly order?: "out,in" | "in,out";
}

/** The tensors of a kind of file. */
export interface TensorNames {
  readonly roles: Readonly<Record<Role, RoleSource>>;
  /** Prefixes that a file's names may have in front of these. */
  readonly prefixes: readonly string[];
  /** Names of tensors that files may hold and that nothing is computed from. */
  readonly ignored: RegExp;
}

export interface Family {
  readonly name: string;
  /** `model_type` of config.json. */
  readonly modelTypes: readonly string[];
  /** Members of `architectures` of config.json. */
  readonly architectures: readonly string[];
  /** Checks the keys that change the arithmetic. Throws FormatError for what is not computed. */
  readConfig(keys: ConfigReader): ModelConfig;
  recipe(config: ModelConfig): Recipe;
  /** Names in Hugging Face's safetensors files. */
  tensors(config: ModelConfig): TensorNames;
  /** config.json of a new model, where this family can be begun anew. */
  newConfig?(shape: NewModelShape): Readonly<Record<string, unknown>>;
}

/** A role that is one tensor. */
export function tensor(of: string, order?: RoleSource["order"]): RoleSource {
  return { parts: [{ of }], ...(order ? { order } : {}) };
}
