// Writes vectors and their texts into a file.
import { appendFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { SchemaElement } from "hyparquet";

/** The formats of vectors, by the endings of names. */
export const outputFormats = ["jsonl", "npy", "parquet"] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Vectors and their texts, which are read block by block. */
export interface EmbeddedTexts {
  readonly texts: readonly string[];
  readonly dimensions: number;
  /** Rows of so many numbers each. */
  readonly blocks: AsyncIterable<Float32Array>;
}

/** Writes a file as a whole: its name belongs to a complete one, the old or the new. */
export async function writeVectors(
  file: string,
  format: OutputFormat,
  embedded: EmbeddedTexts,
): Promise<void> {
  const partial = join(dirname(file), `.${basename(file)}.writing`);
  try {
    await writers[format](partial, embedded);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

const writers: Readonly<Record<OutputFormat, (file: string, embedded: EmbeddedTexts) => Promise<void>>> = {
  async jsonl(file, { texts, dimensions, blocks }) {
    await writeFile(file, "");
    let at = 0;
    for await (const block of blocks) {
      await appendFile(file, toJsonLines(texts.slice(at), block, dimensions));
      at += block.length / dimensions;
    }
  },
  async npy(file, { texts, dimensions, blocks }) {
    await writeFile(file, npyHeader(texts.length, dimensions));
    for await (const block of blocks)
      await appendFile(file, new Uint8Array(block.buffer, block.byteOffset, block.byteLength));
  },
  async parquet(file, { texts, dimensions, blocks }) {
    // Only this needs it.
    const { fileWriter, ParquetWriter } = await import("hyparquet-writer");
    const writer = new ParquetWriter({ writer: fileWriter(file), schema: parquetSchema, createdBy: "weft" });
    let at = 0;
    for await (const block of blocks) {
      const vectors = rowsOf(block, dimensions).map((row) => [...row]);
      const own = texts.slice(at, at + vectors.length);
      at += vectors.length;
      await writer.write({
        columnData: [
          { name: "text", data: own },
          { name: "vector", data: vectors },
        ],
        rowGroupSize: vectors.length,
      });
    }
    await writer.finish();
  },
};

/** A text and a list of float32 numbers, in the three levels that lists have: github.com/apache/parquet-format, LogicalTypes.md. */
const parquetSchema: SchemaElement[] = [
  { name: "root", num_children: 2 },
  { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  { name: "vector", num_children: 1, converted_type: "LIST", repetition_type: "REQUIRED" },
  { name: "list", num_children: 1, repetition_type: "REPEATED" },
  { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
];

const rowsOf = (block: Float32Array, dimensions: number): Float32Array[] =>
  Array.from({ length: block.length / dimensions }, (_, index) =>
    block.subarray(index * dimensions, (index + 1) * dimensions),
  );

/** Rows of `dimensions` numbers each, as lines of JSON: the text and its vector. */
function toJsonLines(texts: readonly string[], block: Float32Array, dimensions: number): string {
  return rowsOf(block, dimensions)
    .map((vector, index) => `${JSON.stringify({ text: texts[index], vector: [...vector] })}\n`)
    .join("");
}

/** NumPy's format, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. */
function npyHeader(count: number, dimensions: number): Uint8Array<ArrayBuffer> {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${dimensions}), }`;
  // Magic, version and length take 10 bytes; data begins at a multiple of 64, behind a line feed.
  const padding = 64 - ((10 + text.length + 1) % 64);
  const header = `${text}${" ".repeat(padding)}\n`;
  const bytes = new Uint8Array(10 + header.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  new DataView(bytes.buffer).setUint16(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 10);
  return bytes;
}
