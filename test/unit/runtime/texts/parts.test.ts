// What calls about texts are made of, without a model: how pairs are cut, probabilities, how alike vectors are.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../../src/errors.js";
import type { Program } from "../../../../src/model/program.js";
import { rowsOfPass } from "../../../../src/runtime/texts/calls.js";
import { isPair, lengthsWithin } from "../../../../src/runtime/texts/input.js";
import { bestOf, scoreLabels, softmax } from "../../../../src/runtime/texts/labels.js";
import { cosineSimilarity, dotSimilarity } from "../../../../src/runtime/texts/similarity.js";

describe("the texts of a pair", () => {
  it("are cut where they are longer, and then to halves", () => {
    expect(lengthsWithin(5, 7, 12)).toEqual([5, 7]);
    expect(lengthsWithin(5, 70, 12)).toEqual([5, 7]);
    expect(lengthsWithin(70, 5, 12)).toEqual([7, 5]);
    // What is left over by halves goes to the longer.
    expect(lengthsWithin(70, 50, 13)).toEqual([7, 6]);
    expect(lengthsWithin(50, 70, 13)).toEqual([6, 7]);
    expect(lengthsWithin(6, 70, 12)).toEqual([6, 6]);
    expect(lengthsWithin(70, 0, 12)).toEqual([12, 0]);
    expect(lengthsWithin(3, 4, 0)).toEqual([0, 0]);
  });

  it("are two texts or lists of ids, and not two ids", () => {
    expect(
      [
        ["a", "b"],
        ["a", [1, 2]],
        [Uint32Array.of(1), [2]],
      ].map(isPair),
    ).toEqual([true, true, true]);
    expect([[1, 2], "ab", ["a"], ["a", "b", "c"], ["a", 1], { ids: [1, 2] }].map(isPair)).toEqual(
      Array(6).fill(false),
    );
  });
});

/** What a program has of places that are as wide. */
const values = (...places: [string, number][]): Pick<Program, "values"> => ({
  values: places.map(([place, vectors]) => ({ name: place, layer: 0, place, vectors, isKept: false })),
});

describe("the rows of a pass", () => {
  it("are many, but no more than memory and a binding have room for", () => {
    const small = values(["residual", 96], ["hidden", 384], ["residual", 96]);
    expect(rowsOfPass(small, 2 ** 27)).toBe(8192);
    // 16 bytes a vec4: 6,144 bytes of the widest place.
    expect(rowsOfPass(small, 6144 * 100 + 1)).toBe(100);
    const large = values(["residual", 1024], ["gateUp", 4096], ["hidden", 3072]);
    expect(rowsOfPass(large, 2 ** 30)).toBe(2048);
    expect(rowsOfPass(large, 1)).toBe(1);
  });
});

describe("the labels of logits", () => {
  const classifier = { of: "texts", pooling: "cls", labels: ["a", "b"] } as const;

  it("share one probability, have each its own, or are numbers, as the file says", () => {
    const scores = (problem?: "single" | "multi" | "regression"): number[] =>
      scoreLabels([0, Math.log(3)], problem ? { ...classifier, problem } : classifier).map(
        ({ score }) => score,
      );
    expect(scores()).toEqual(scores("single"));
    for (const [own, expected] of [
      [scores("single"), [0.25, 0.75]],
      [scores("multi"), [0.5, 0.75]],
      [scores("regression"), [0, Math.log(3)]],
    ] as const)
      for (const [index, value] of expected.entries()) expect(own[index]).toBeCloseTo(value, 15);
    expect(bestOf(scoreLabels([0, Math.log(3)], classifier)).label).toBe("b");
  });

  it("are a yes or no where there is one, and keep their probabilities at any size", () => {
    expect(scoreLabels([0], { ...classifier, labels: ["yes"] })[0]!.score).toBe(0.5);
    expect(softmax([1000, 0, -1000])).toEqual([1, 0, 0]);
  });
});

describe("how alike vectors are", () => {
  it("is their dot product, and the cosine between them, in float64", () => {
    expect(dotSimilarity([1, 2, 3], [4, 5, 6])).toBe(32);
    expect(cosineSimilarity([3, 0], [0, 9])).toBe(0);
    expect(cosineSimilarity(Float32Array.of(1, 2), [2, 4])).toBeCloseTo(1, 15);
    expect(cosineSimilarity([1, 2], [-1, -2])).toBeCloseTo(-1, 15);
    expect(cosineSimilarity([0, 0], [1, 2])).toBe(0);
    // Squares that a float32 could not hold.
    expect(cosineSimilarity([1e30, 0], [1e30, 0])).toBe(1);
  });

  it("is asked of vectors of one length", () => {
    expect(() => dotSimilarity([1], [1, 2])).toThrow(ArgumentError);
    expect(() => cosineSimilarity([1], [1, 2])).toThrow(/b: expected a vector of 1 numbers.*received 2/);
  });
});
