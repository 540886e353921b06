// Texts from a file, and vectors into one.
import { OptionError } from "../terminal/option-values.js";
import { isRecord } from "../../util/json-value.js";

/** The texts of a file: its lines, or of JSON lines strings or the key "text" of objects. Empty lines are left out. */
export function readTexts(content: string, file: string): string[] {
  const lines = content.split(/\r?\n/);
  const isJson = /\.jsonl$/i.test(file);
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    return isJson ? [textOf(line, `${file}, line ${index + 1}`)] : [line];
  });
}

function textOf(line: string, place: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new OptionError(`${place}: expected JSON, received ${line.slice(0, 40)}`);
  }
  const text = isRecord(value) ? value["text"] : value;
  if (typeof text === "string") return text;
  throw new OptionError(
    `${place}: expected a string, or an object with "text", received ${line.slice(0, 40)}`,
  );
}

/** Rows of `dimensions` numbers each, as lines of JSON: the text and its vector. */
export function toJsonLines(texts: readonly string[], vectors: Float32Array, dimensions: number): string {
  return texts
    .map((text, index) => {
      const vector = vectors.subarray(index * dimensions, (index + 1) * dimensions);
      return `${JSON.stringify({ text, vector: [...vector] })}\n`;
    })
    .join("");
}

/** NumPy's format, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. */
export function toNpy(vectors: Float32Array, dimensions: number): Uint8Array<ArrayBuffer> {
  const shape = `(${vectors.length / dimensions}, ${dimensions})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // Magic, version and length take 10 bytes; data begins at a multiple of 64, behind a line feed.
  const padding = 64 - ((10 + text.length + 1) % 64);
  const header = `${text}${" ".repeat(padding)}\n`;
  const file = new Uint8Array(10 + header.length + 4 * vectors.length);
  file.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  new DataView(file.buffer).setUint16(8, header.length, true);
  file.set(new TextEncoder().encode(header), 10);
  file.set(new Uint8Array(vectors.buffer, vectors.byteOffset, 4 * vectors.length), 10 + header.length);
  return file;
}
