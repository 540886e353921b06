// Everything that follows from a model's configuration alone, before any weight is read or a device is opened.
import type { TensorNames } from "../families/family.js";
import type { ModelConfig } from "../families/model-config.js";
import type { Recipe } from "../families/recipe.js";
import type { FamilyModel } from "../families/registry.js";
import { fuseProgram, type FusedProgram } from "./fuse.js";
import { buildProgram, type Program } from "./program.js";
import { shapeOf, type ModelShape } from "./shape.js";

export interface ModelDefinition {
  readonly config: ModelConfig;
  readonly recipe: Recipe;
  readonly program: Program;
  /** The dispatches of the forward pass and of generation. */
  readonly fused: FusedProgram;
  readonly shape: ModelShape;
  /** The names of its tensors in files. */
  readonly names: TensorNames;
}

/** `pageTokens`: consecutive tokens whose keys and values lie together, a multiple of 4. */
export function defineModel({ family, config }: FamilyModel, pageTokens: number): ModelDefinition {
  const recipe = family.recipe(config);
  const program = buildProgram(recipe, config);
  return {
    config,
    recipe,
    program,
    fused: fuseProgram(program),
    shape: shapeOf(config, pageTokens),
    names: family.tensors(config),
  };
}
