// Widths as the kernels see them: groups of consecutive numbers, each padded to a multiple of 4, so that no vec4 straddles two
// heads. Where a logical number lies in a padded row.
import type { AxisName } from "../families/recipe.js";
import type { ModelConfig } from "../families/model-config.js";

export interface Axis {
  /** Numbers in a row. */
  readonly size: number;
  /** Width of a group before padding; the last may be the only one. */
  readonly groupWidth: number;
  /** vec4s of a padded row. */
  readonly vectors: number;
}

export function axisOf(name: AxisName, config: ModelConfig): Axis {
  switch (name) {
    case "channels":
      return axis(1, config.channels);
    case "hidden":
      return axis(1, config.hidden);
    case "gateUp":
      return axis(2, config.hidden);
    case "headWidth":
      return axis(1, config.headWidth);
    case "vocabulary":
      return axis(1, config.vocabularySize);
    case "positions":
      return axis(1, (config.firstPosition ?? 0) + config.contextLength);
    case "tokenTypes":
      return axis(1, config.tokenTypes);
    case "query":
      return axis(config.heads, config.headWidth);
    case "key":
      return axis(config.keyValueHeads, config.headWidth);
    case "keyValue":
      return axis(2 * config.keyValueHeads, config.headWidth);
    default:
      return name satisfies never;
  }
}

function axis(groups: number, groupWidth: number): Axis {
  return { size: groups * groupWidth, groupWidth, vectors: groups * Math.ceil(groupWidth / 4) };
}

/** The padded place of number `index` of a row. */
export function placeIn({ groupWidth }: Axis, index: number): number {
  return Math.floor(index / groupWidth) * 4 * Math.ceil(groupWidth / 4) + (index % groupWidth);
}
