// Counts the multiply-adds of a model from its program, for the costs that the scheduler works with. Knows no GPU.
import { widthOf } from "../families/recipe.js";
import type { ModelWork } from "../plan/cost.js";
import { axisOf } from "./axis.js";
import type { ModelDefinition } from "./definition.js";
import type { ProgramStep } from "./program.js";

/** `headRows`: whether the head is computed for every row. For a few rows only, it is not counted. */
export function workOf({ config, recipe, program }: ModelDefinition, headRows: "all" | "few"): ModelWork {
  const sizeOf = (place: string): number => axisOf(widthOf(place, recipe), config).size;
  const stepWork = ({ step }: ProgramStep): number =>
    step.kind === "linear" ? sizeOf(step.from) * sizeOf(step.to) : 0;
  const head = headRows === "all" ? sizeOf(recipe.output) * config.vocabularySize : 0;
  const lastSegment = program.segments.length - 1;
  return {
    segments: program.segments.map(
      ({ steps }, segment) =>
        steps.reduce((sum, step) => sum + stepWork(step), 0) + (segment === lastSegment ? head : 0),
    ),
    attention: program.attention.map(({ step: { causal, window } }) => ({
      width: sizeOf("query"),
      causal,
      ...(window === undefined ? {} : { window }),
    })),
  };
}
