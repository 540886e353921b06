// The safetensors format: what the parser accepts, what it refuses and how it says so, and what the writer writes.
import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError } from "../../../src/errors.js";
import { parseHeader, type StoredTensor } from "../../../src/files/safetensors.js";
import { writeSafetensors } from "../../../src/files/safetensors-writer.js";

/** A file with `header` (text, or a value for JSON) and `dataBytes` zeros; `length` replaces the true header length. */
function makeFile(header: unknown, dataBytes: number = 0, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const entry = (
  begin: number,
  end: number,
  shape: unknown = [(end - begin) / 4],
  dtype: unknown = "F32",
): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

/** The error of parsing `file` with its true size known. */
function failure(file: Uint8Array, fileBytes: number = file.length): FormatError {
  try {
    parseHeader(file, "weights.safetensors", fileBytes);
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error("the parser accepted the file");
}

function tensor(name: string, ...values: number[]): StoredTensor {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  return { name, dtype: "F32", shape: [values.length], bytes };
}

describe("parseHeader", () => {
  it("lists the tensors in the order of their bytes, whatever the order of the header", () => {
    const file = makeFile(
      { b: entry(8, 12), __metadata__: { format: "pt" }, a: entry(0, 8, [2, 1]), c: entry(12, 12) },
      12,
    );
    const header = parseHeader(file, "weights.safetensors", file.length);
    expect([...header.tensors.keys()]).toEqual(["a", "b", "c"]);
    expect(header.tensors.get("a")).toEqual({ dtype: "F32", shape: [2, 1], begin: 0, end: 8 });
    expect(header.dataOffset).toBe(file.length - 12);
    expect(header.fileBytes).toBe(file.length);
  });

  it("accepts a file without tensors, a scalar, spaces behind the header and formats weft does not compute from", () => {
    expect(parseHeader(makeFile("{}"), "f").tensors.size).toBe(0);
    const file = makeFile(`{"x":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}    `, 8);
    expect(parseHeader(file, "f", file.length).tensors.get("x")?.dtype).toBe("I64");
  });

  it("accepts a tensor named as a property that every object has", () => {
    const file = makeFile(`{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4);
    expect([...parseHeader(file, "f").tensors.keys()]).toEqual(["__proto__"]);
  });

  const cases: readonly (readonly [string, Uint8Array, number, RegExp])[] = [
    ["an empty file", new Uint8Array(), 0, /truncated: expected 8 bytes of header length, received 0/],
    ["a file of 5 bytes", new Uint8Array(5), 0, /truncated: expected 8 bytes of header length, received 5/],
    [
      "a header beyond the file",
      makeFile("{}", 0, 3n),
      0,
      /expected a header within the file's 10 bytes, received a length of 3/,
    ],
    [
      "a header over 100 MB",
      makeFile("{}", 0, 100_000_001n),
      0,
      /expected a header of at most 100000000 bytes, received a length of 100000001/,
    ],
    ["a header length of 2^63", makeFile("{}", 0, 2n ** 63n), 0, /received a length of 9223372036854775808/],
    ["a header of no length", makeFile("", 4), 8, /expected a header in JSON/],
    [
      "a header that is not JSON",
      makeFile("{oh no}"),
      8,
      /expected a header in JSON, received text that is not/,
    ],
    ["a header that is not UTF-8", makeFile('{"\u0000"}').fill(0xff, 10, 11), 8, /expected a header in JSON/],
    ["a header that is a list", makeFile([1]), 8, /expected a JSON object as header, received \[1\]/],
    ["a header that is null", makeFile("null"), 8, /expected a JSON object as header, received null/],
    ["a space before the header", makeFile(" {}"), 8, /expected a JSON object as header/],
    [
      "metadata that are not strings",
      makeFile({ __metadata__: { a: 1 } }),
      8,
      /__metadata__: expected an object of strings, received \{"a":1\}/,
    ],
    ["an entry that is no object", makeFile({ w: 3 }), 8, /tensor "w": expected an object, received 3/],
    [
      "an unknown dtype",
      makeFile({ w: entry(0, 4, [1], "F33") }, 4),
      8,
      /tensor "w": expected a dtype of F64, .*, received "F33"/,
    ],
    ["an inherited dtype", makeFile({ w: entry(0, 4, [1], "toString") }, 4), 8, /received "toString"/],
    [
      "no dtype",
      makeFile({ w: { shape: [1], data_offsets: [0, 4] } }, 4),
      8,
      /a dtype of .*, received nothing/,
    ],
    [
      "a shape that is none",
      makeFile({ w: entry(0, 4, "1") }, 4),
      8,
      /expected a shape of whole numbers, received "1"/,
    ],
    [
      "a negative extent",
      makeFile({ w: entry(0, 4, [-1]) }, 4),
      8,
      /expected a shape of whole numbers, received \[-1\]/,
    ],
    [
      "a fractional extent",
      makeFile({ w: entry(0, 4, [0.5, 2]) }, 4),
      8,
      /expected a shape of whole numbers/,
    ],
    [
      "a shape of other size",
      makeFile({ w: entry(0, 4, [2]) }, 4),
      8,
      /expected 8 bytes for F32 \[2\], received 4/,
    ],
    [
      "a shape beyond all numbers",
      makeFile({ w: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4),
      8,
      /expected a whole number of bytes/,
    ],
    [
      "a part of a byte",
      makeFile({ w: entry(0, 1, [3], "F4") }, 1),
      8,
      /expected a whole number of bytes for F4 \[3\], received 1/,
    ],
    [
      "one offset",
      makeFile({ w: { dtype: "F32", shape: [1], data_offsets: [4] } }, 4),
      8,
      /expected data_offsets \[begin, end\], received \[4\]/,
    ],
    [
      "offsets that run backwards",
      makeFile({ w: { dtype: "F32", shape: [1], data_offsets: [4, 0] } }, 4),
      8,
      /expected data_offsets \[begin, end\], received \[4,0\]/,
    ],
    [
      "negative offsets",
      makeFile({ w: { dtype: "F32", shape: [1], data_offsets: [-4, 0] } }, 4),
      8,
      /expected data_offsets/,
    ],
  ];
  it.each(cases)("refuses %s", (_, file, byteOffset, message) => {
    const error = failure(file);
    expect(error.message).toMatch(message);
    expect(error.file).toBe("weights.safetensors");
    expect(error.byteOffset).toBe(byteOffset);
    expect(error.message).toMatch(/^weights\.safetensors at byte \d+: .*download or copy it again\.$/);
  });

  it("refuses tensors that overlap", () => {
    const file = makeFile({ a: entry(0, 8), b: entry(4, 12) }, 12);
    const error = failure(file);
    expect(error.message).toMatch(
      /tensor "b" overlaps the tensor before it: expected data_offsets from 8, received \[4, 12\]/,
    );
    expect(error.byteOffset).toBe(file.length - 12 + 4);
  });

  it("refuses holes, at the beginning and between tensors", () => {
    expect(failure(makeFile({ a: entry(4, 8) }, 8)).message).toMatch(
      /tensor "a" leaves a hole before it: expected data_offsets from 0/,
    );
    expect(failure(makeFile({ a: entry(0, 4), b: entry(8, 12) }, 12)).message).toMatch(
      /tensor "b" leaves a hole/,
    );
  });

  it("refuses a file that ends before its tensors do, or after", () => {
    const short = makeFile({ a: entry(0, 8) }, 7);
    expect(failure(short).message).toMatch(
      new RegExp(`truncated: expected a file of ${short.length + 1} bytes, received ${short.length}`),
    );
    expect(failure(short).byteOffset).toBe(short.length);
    const long = makeFile({ a: entry(0, 8) }, 9);
    expect(failure(long).message).toMatch(/bytes after the last tensor: expected a file of/);
    expect(failure(long).byteOffset).toBe(long.length - 1);
  });

  it("refuses bytes that hold a part of the header only", () => {
    const file = makeFile({ a: entry(0, 8) }, 8);
    const error = failure(file.subarray(0, 20), file.length);
    expect(error.message).toMatch(/truncated: expected \d+ bytes of header, received 20/);
    expect(error.byteOffset).toBe(20);
  });
});

describe("writeSafetensors", () => {
  it("writes the same bytes for the same tensors in any order, and begins the data at a multiple of 8", () => {
    const file = writeSafetensors([tensor("b", 1, 2), tensor("a", 3)], { format: "pt" });
    expect(writeSafetensors([tensor("a", 3), tensor("b", 1, 2)], { format: "pt" })).toEqual(file);
    const { dataOffset, tensors } = parseHeader(file, "f", file.length);
    expect(dataOffset % 8).toBe(0);
    expect([...tensors.keys()]).toEqual(["a", "b"]);
    expect([...new Float32Array(file.buffer, dataOffset)]).toEqual([3, 1, 2]);
    expect(new TextDecoder().decode(file.subarray(8, dataOffset))).toMatch(
      /^\{"__metadata__":\{"format":"pt"\},/,
    );
  });

  it("refuses a name that comes twice, a reserved name and bytes that do not fit", () => {
    expect(() => writeSafetensors([tensor("a", 1), tensor("a", 2)])).toThrow(ArgumentError);
    expect(() => writeSafetensors([tensor("__metadata__", 1)])).toThrow(
      /expected names that differ .*__metadata__/,
    );
    const wrong = { ...tensor("a", 1), shape: [2] };
    expect(() => writeSafetensors([wrong])).toThrow(
      /tensors: a: expected 8 bytes for F32 \[2\], received 4\./,
    );
    expect(() => writeSafetensors([{ ...wrong, dtype: "F33" }])).toThrow(
      /expected a whole number of bytes for F33/,
    );
  });
});
