// What `weft embed` reads and writes.
import { describe, expect, it } from "vitest";
import { readTexts, toJsonLines, toNpy } from "../../../src/cli/embed/output.js";
import { OptionError } from "../../../src/cli/terminal/option-values.js";

describe("texts of a file", () => {
  it("are its lines, or the strings and texts of JSON lines", () => {
    expect(readTexts("one\r\n\n two \n", "a.txt")).toEqual(["one", " two "]);
    expect(readTexts('"one"\n{"id":7,"text":"two\\nlines"}\n\n', "a.jsonl")).toEqual(["one", "two\nlines"]);
  });

  it("are refused with their line", () => {
    expect(() => readTexts('"one"\n{"words":1}', "a.jsonl")).toThrow(OptionError);
    expect(() => readTexts('"one"\n{"words":1}', "a.jsonl")).toThrow(
      /a\.jsonl, line 2: expected a string, or/,
    );
    expect(() => readTexts("one", "a.jsonl")).toThrow(/line 1: expected JSON, received one/);
  });
});

describe("vectors", () => {
  const vectors = Float32Array.of(1, 0.5, -2, 3, 0, 0.25);

  it("become lines of JSON", () => {
    expect(toJsonLines(["a", 'b"'], vectors, 3)).toBe(
      '{"text":"a","vector":[1,0.5,-2]}\n{"text":"b\\"","vector":[3,0,0.25]}\n',
    );
  });

  it("become a matrix of NumPy", () => {
    const file = toNpy(vectors, 3);
    const length = new DataView(file.buffer).getUint16(8, true);
    expect([...file.subarray(0, 8)]).toEqual([0x93, 78, 85, 77, 80, 89, 1, 0]);
    expect((10 + length) % 64).toBe(0);
    const header = new TextDecoder().decode(file.subarray(10, 10 + length));
    expect(header).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} +\n$/);
    expect(new Float32Array(file.slice(10 + length).buffer)).toEqual(vectors);
  });
});
