// A GPT-2 model's sizes as the kernels see them: inner widths padded to multiples of 4 and counted in vec4s.
import { weightElementBytes, type WeightFormat } from "../tensor/formats.js";
import type { ModelConfig } from "../families/gpt2-config.js";

export interface ModelShape {
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  readonly vocabulary: number;
  readonly contextLength: number;
  readonly hidden: number;
  readonly headWidth: number;
  /** ceil(C/4). */
  readonly channelVectors: number;
  /** ceil(D/4): each head is padded by itself, so that no vec4 straddles two heads. */
  readonly headVectors: number;
  /** H·ceil(D/4): a row of queries, keys, values or attention output. */
  readonly attentionVectors: number;
  /** ceil(F/4). */
  readonly hiddenVectors: number;
  /** ceil(V/4): a row of logits. */
  readonly vocabularyVectors: number;
  /** Consecutive tokens of a sentence whose keys and values lie in consecutive cache rows. A multiple of 4. */
  readonly pageTokens: number;
}

export function shapeOf(config: ModelConfig, pageTokens: number): ModelShape {
  const headVectors = Math.ceil(config.headWidth / 4);
  return {
    layers: config.layers,
    heads: config.heads,
    channels: config.channels,
    vocabulary: config.vocabularySize,
    contextLength: config.contextLength,
    hidden: config.hidden,
    headWidth: config.headWidth,
    channelVectors: Math.ceil(config.channels / 4),
    headVectors,
    attentionVectors: config.heads * headVectors,
    hiddenVectors: Math.ceil(config.hidden / 4),
    vocabularyVectors: Math.ceil(config.vocabularySize / 4),
    pageTokens,
  };
}

/** Bytes of one weight replica, as the upload lays it out. */
export function weightBytes(d: ModelShape, hasOwnHead: boolean, format: WeightFormat): number {
  const vectorBytes = 4 * weightElementBytes[format];
  /** A matrix (K, N) and its bias, from inner and outer width in vec4s. */
  const linear = (inputVectors: number, outputVectors: number): number =>
    outputVectors * (4 * inputVectors * vectorBytes + 16);
  const norm = 32 * d.channelVectors;
  const layer =
    2 * norm +
    linear(d.channelVectors, 3 * d.attentionVectors) +
    linear(d.attentionVectors, d.channelVectors) +
    linear(d.channelVectors, d.hiddenVectors) +
    linear(d.hiddenVectors, d.channelVectors);
  const embeddings = 4 * vectorBytes * d.channelVectors * d.vocabularyVectors * (hasOwnHead ? 2 : 1);
  const positions = vectorBytes * d.channelVectors * d.contextLength;
  return d.layers * layer + norm + embeddings + positions + 16 * d.vocabularyVectors;
}

/** Bytes of activations per row (f32): residual, normalised, queries, attention output, hidden, and keys with values. */
export function activationBytesPerRow(d: ModelShape, keyValueBuffers: number): number {
  return 16 * (2 * d.channelVectors + (2 + 2 * keyValueBuffers) * d.attentionVectors + d.hiddenVectors + 1);
}
