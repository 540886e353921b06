// How alike vectors are. In float64.
import { ArgumentError } from "../../errors.js";

type Vector = ArrayLike<number>;

/**
 * The dot product of two vectors: of those of length 1, the cosine of the angle between them.
 * @throws ArgumentError if their lengths differ.
 */
export function dotSimilarity(a: Vector, b: Vector): number {
  if (a.length !== b.length) {
    throw new ArgumentError({
      argument: "b",
      expected: `a vector of ${a.length} numbers, as the first is`,
      received: b.length,
      remedy: "Compare vectors of one model with the same dimensions.",
    });
  }
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/**
 * The cosine of the angle between two vectors, from −1 to 1. A vector of zeros is like none: 0.
 * @throws ArgumentError if their lengths differ.
 *
 * @example
 * ```ts
 * import { cosineSimilarity, Model } from "weft-webgpu";
 *
 * await using model = await Model.load("./models/all-MiniLM-L6-v2/");
 * const { vectors } = await model.embed(["A cat sleeps.", "A kitten naps.", "The stock market fell."]);
 * console.log(cosineSimilarity(vectors[0]!, vectors[1]!), cosineSimilarity(vectors[0]!, vectors[2]!));
 * ```
 */
export function cosineSimilarity(a: Vector, b: Vector): number {
  const lengths = Math.sqrt(dotSimilarity(a, a)) * Math.sqrt(dotSimilarity(b, b));
  const dot = dotSimilarity(a, b);
  return lengths === 0 ? 0 : Math.max(-1, Math.min(1, dot / lengths));
}
