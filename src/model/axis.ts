// Widths as the kernels see them: groups of consecutive numbers, each padded to a multiple of 4, so that no vec4 straddles two
// heads. Where a number of a file's row lies in a padded row.
import type { AxisName } from "../families/recipe.js";
import type { ModelConfig } from "../families/model-config.js";

export interface Axis {
  /** Numbers in a row. */
  readonly size: number;
  /** Width of a group before padding; the last may be the only one. */
  readonly groupWidth: number;
  /** vec4s of a padded row. */
  readonly vectors: number;
  /** Whether a row has pairs of a number of its first half and one of its second, where files have the halves one after the other. */
  readonly isPaired: boolean;
}

export function axisOf(name: AxisName, config: ModelConfig): Axis {
  switch (name) {
    case "channels":
      return axis(1, config.channels);
    case "hidden":
      return axis(1, config.hidden);
    case "gateUp":
      // As many of each as the product of the two has, padding included.
      return { ...axis(1, 2 * config.hidden), vectors: 2 * axis(1, config.hidden).vectors, isPaired: true };
    case "headWidth":
      return axis(1, config.headWidth);
    case "vocabulary":
      return axis(1, config.vocabularySize);
    case "positions":
      return axis(1, (config.firstPosition ?? 0) + config.contextLength);
    case "tokenTypes":
      return axis(1, config.tokenTypes);
    case "labels":
      return axis(1, config.classifier?.labels.length ?? 0);
    case "query":
      return axis(config.heads, config.headWidth);
    case "key":
      return axis(config.keyValueHeads, config.headWidth);
    case "keyValue":
      return axis(2 * config.keyValueHeads, config.headWidth);
    case "queryKeyValue":
      return axis(config.heads + 2 * config.keyValueHeads, config.headWidth);
    default:
      return name satisfies never;
  }
}

function axis(groups: number, groupWidth: number): Axis {
  return {
    size: groups * groupWidth,
    groupWidth,
    vectors: groups * Math.ceil(groupWidth / 4),
    isPaired: false,
  };
}

/** The padded place of number `index` of a row as files have it. */
export function placeIn({ size, groupWidth, isPaired }: Axis, index: number): number {
  if (isPaired) return 2 * (index % (size / 2)) + Math.floor(index / (size / 2));
  return Math.floor(index / groupWidth) * 4 * Math.ceil(groupWidth / 4) + (index % groupWidth);
}
