// A model's sizes as the kernels see them: inner widths padded to multiples of 4 and counted in vec4s.
import type { ModelConfig } from "../families/model-config.js";
import { weightElementBytes, type CacheFormat } from "../tensor/formats.js";
import { axisOf } from "./axis.js";

export interface ModelShape {
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Heads of queries that share a head of keys and values. */
  readonly group: number;
  readonly channels: number;
  readonly vocabulary: number;
  readonly contextLength: number;
  readonly hidden: number;
  readonly headWidth: number;
  /** ceil(C/4). */
  readonly channelVectors: number;
  /** ceil(D/4): each head is padded by itself, so that no vec4 straddles two heads. */
  readonly headVectors: number;
  /** H·ceil(D/4): a row of queries or of attention's output. */
  readonly queryVectors: number;
  /** A row of keys and values, of all their heads. */
  readonly keyValueVectors: number;
  /** ceil(F/4). */
  readonly hiddenVectors: number;
  /** ceil(V/4): a row of logits. */
  readonly vocabularyVectors: number;
  /** Consecutive tokens of a sentence whose keys and values lie in consecutive rows of the cache. A multiple of 4. */
  readonly pageTokens: number;
}

export function shapeOf(config: ModelConfig, pageTokens: number): ModelShape {
  const { layers, heads, keyValueHeads, channels, contextLength, hidden, headWidth } = config;
  return {
    layers,
    heads,
    keyValueHeads,
    group: heads / keyValueHeads,
    channels,
    vocabulary: config.vocabularySize,
    contextLength,
    hidden,
    headWidth,
    channelVectors: axisOf("channels", config).vectors,
    headVectors: axisOf("headWidth", config).vectors,
    queryVectors: axisOf("query", config).vectors,
    keyValueVectors: axisOf("keyValue", config).vectors,
    hiddenVectors: axisOf("hidden", config).vectors,
    vocabularyVectors: axisOf("vocabulary", config).vectors,
    pageTokens,
  };
}

/** Bytes of the keys and values of one token at one layer, in an arena or a cache of this format. */
export function keyValueRowBytes(
  { keyValueVectors }: Pick<ModelShape, "keyValueVectors">,
  format: CacheFormat = "f32",
): number {
  return 4 * weightElementBytes[format] * keyValueVectors;
}
