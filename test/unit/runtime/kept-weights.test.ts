// Where a model's weights can be had from again.
import { describe, expect, it } from "vitest";
import { KeptWeights } from "../../../src/runtime/load/kept-weights.js";
import { WeightsPrint } from "../../../src/runtime/load/weights-print.js";

const files = { config: {}, weights: new Uint8Array(8) };

describe("the weights of a model", () => {
  it("are those of its source until they change, and then nobody's", () => {
    const kept = new KeptWeights("folder", "print");
    expect(kept.origin).toEqual({ source: "folder", weightsPrint: "print" });
    kept.change();
    expect(kept.origin).toBeUndefined();
    expect(kept.source).toEqual({ source: "folder", weightsPrint: "print" });
  });

  it("are those of files that were made of this version, while they are here", () => {
    const kept = new KeptWeights("folder", "print");
    kept.change();
    kept.keep(0, { source: "old" });
    expect(kept.origin).toBeUndefined();
    const own = { ...files, weights: new Uint8Array(8) };
    kept.keep(1, { source: own });
    expect(kept.origin).toEqual({ source: own });
    structuredClone(own.weights, { transfer: [own.weights.buffer] });
    expect(kept.origin).toBeUndefined();
    kept.change();
    kept.keep(1, { source: files });
    expect(kept.origin).toBeUndefined();
  });

  it("are what a run says while it is under way, and of two runs at once nobody can say", () => {
    const kept = new KeptWeights("folder", "print");
    const end = kept.begin(() => ({ source: "first" }));
    expect(kept.origin).toEqual({ source: "first" });
    const endOther = kept.begin(() => ({ source: "second" }));
    expect(kept.origin).toBeUndefined();
    end();
    expect(kept.origin).toBeUndefined();
    endOther();
    expect(kept.origin).toEqual(kept.source);
  });
});

const values = (): Float32Array<ArrayBuffer> => Float32Array.from({ length: 5000 }, (_, index) => index / 7);
const printOf = (pieces: readonly { name: string; values: Float32Array<ArrayBuffer> }[]): string => {
  const print = new WeightsPrint();
  for (const piece of pieces) print.add(piece);
  return print.toString();
};

describe("the print of weights", () => {
  it("does not depend on the order of pieces, but on names, sizes and values", () => {
    const [a, b] = [
      { name: "a", values: values() },
      { name: "b", values: values().subarray(0, 10) },
    ];
    expect(printOf([a, b])).toBe(printOf([b, a]));
    expect(printOf([a])).not.toBe(printOf([{ ...a, name: "c" }]));
    expect(printOf([a])).not.toBe(printOf([{ ...a, values: values().map((value) => value * 1.0001) }]));
    expect(printOf([b])).not.toBe(printOf([{ ...b, values: values().subarray(0, 9) }]));
  });
});
