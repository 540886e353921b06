// Writes a made-up model as a GGUF file whose matrices are blocks of random bits: no quantiser is needed to measure their speed.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and ggml-common.h beside it for the blocks.
import { SeededRandom } from "../../../util/seeded-random.js";
import { largestOf, listMatrices, listNorms, type DecoderShape } from "./decoder.js";

/** A format of blocks, and where its scales in float16 are. */
interface BlockKind {
  /** The number by which files know it. */
  readonly type: number;
  readonly weights: number;
  readonly bytes: number;
  /**
   * The bytes at which a float16 is, and how many times the exponent of two below a matrix's largest weight it is: then the bits
   * that it multiplies give weights of about that size.
   */
  readonly scales: readonly (readonly [at: number, below: number, isNegative?: boolean])[];
}

export type BlockName = "Q8_0" | "Q4_1" | "Q5_0" | "Q4_K" | "Q6_K";

const kinds: Readonly<Record<BlockName, BlockKind>> = {
  Q8_0: { type: 8, weights: 32, bytes: 34, scales: [[0, 7]] },
  Q4_1: {
    type: 3,
    weights: 32,
    bytes: 20,
    scales: [
      [0, 3],
      [2, 0, true],
    ],
  },
  Q5_0: { type: 6, weights: 32, bytes: 22, scales: [[0, 4]] },
  Q4_K: {
    type: 12,
    weights: 256,
    bytes: 144,
    scales: [
      [0, 9],
      [2, 6],
    ],
  },
  Q6_K: { type: 14, weights: 256, bytes: 210, scales: [[208, 12]] },
};

/** The bits of 2^exponent as float16, also where that is subnormal. */
export function halfOfPower(exponent: number): number {
  return exponent >= -14 ? (exponent + 15) << 10 : 1 << (exponent + 24);
}

const ALIGNMENT = 32;

/** The file's bytes. Norms are float32. */
export function writeGguf(shape: DecoderShape, format: BlockName, seed: number): Uint8Array<ArrayBuffer> {
  const random = new SeededRandom(seed);
  const kind = kinds[format];
  const matrices = listMatrices(shape, shape.layers).map(({ ggufName, outputs, inputs }) => ({
    name: ggufName,
    // The inner extent comes first.
    extents: [inputs, outputs],
    type: kind.type,
    bytes: ((outputs * inputs) / kind.weights) * kind.bytes,
    fill: (bytes: Uint8Array) => fillBlocks(bytes, kind, largestOf(inputs), random),
  }));
  const norms = listNorms(shape.layers).map(([, name]) => ({
    name,
    extents: [shape.channels],
    type: 0,
    bytes: 4 * shape.channels,
    fill(bytes: Uint8Array): void {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let at = 0; at < bytes.length; at += 4) view.setFloat32(at, 0.9 + 0.2 * random.uniform(), true);
    },
  }));
  const tensors = [...matrices, ...norms];
  const header = new HeaderWriter();
  header.raw("GGUF").number(3).long(tensors.length).long(keysOf(shape).length);
  for (const [key, value] of keysOf(shape)) header.entry(key, value);
  let offset = 0;
  const places = tensors.map(({ name, extents, type, bytes }) => {
    header.text(name).number(extents.length);
    for (const extent of extents) header.long(extent);
    header.number(type).long(offset);
    const place = offset;
    offset = align(offset + bytes);
    return place;
  });
  const start = align(header.bytes.length);
  const file = new Uint8Array(start + offset);
  file.set(header.bytes);
  for (const [index, { bytes, fill }] of tensors.entries())
    fill(file.subarray(start + places[index]!, start + places[index]! + bytes));
  return file;
}

type Value = string | number | Float32Array | readonly string[];

function keysOf(shape: DecoderShape): readonly (readonly [string, Value])[] {
  return [
    ["general.architecture", "llama"],
    ["llama.context_length", shape.contextLength],
    ["llama.embedding_length", shape.channels],
    ["llama.block_count", shape.layers],
    ["llama.feed_forward_length", shape.hidden],
    ["llama.attention.head_count", shape.heads],
    ["llama.attention.head_count_kv", shape.keyValueHeads],
    ["llama.attention.layer_norm_rms_epsilon", Float32Array.of(1e-5)],
    ["llama.rope.freq_base", Float32Array.of(100_000)],
    // Texts are not needed, but their number is the size of the vocabulary.
    ["tokenizer.ggml.model", "none"],
    ["tokenizer.ggml.tokens", Array.from({ length: shape.vocabulary }, (_, id) => `t${id}`)],
  ];
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function fillBlocks(bytes: Uint8Array, kind: BlockKind, largest: number, random: SeededRandom): void {
  // A value of `uniform` is a whole number of 32 bits over 2^32.
  for (let at = 0; at < bytes.length; at += 4) {
    const bits = random.uniform() * 2 ** 32;
    for (let byte = 0; byte < 4 && at + byte < bytes.length; byte++) bytes[at + byte] = bits / 256 ** byte;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const exponent = Math.round(Math.log2(largest));
  for (let first = 0; first < bytes.length; first += kind.bytes)
    for (const [at, below, isNegative = false] of kind.scales)
      view.setUint16(first + at, halfOfPower(exponent - below) | (isNegative ? 0x8000 : 0), true);
}

class HeaderWriter {
  readonly #parts: number[] = [];

  get bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#parts);
  }

  raw(text: string): this {
    for (const byte of new TextEncoder().encode(text)) this.#parts.push(byte);
    return this;
  }

  number(value: number): this {
    for (let byte = 0; byte < 4; byte++) this.#parts.push((value >>> (8 * byte)) & 255);
    return this;
  }

  long(value: number): this {
    return this.number(value % 2 ** 32).number(Math.floor(value / 2 ** 32));
  }

  text(text: string): this {
    return this.long(new TextEncoder().encode(text).length).raw(text);
  }

  /** A key with its type in front of its value: uint32 is 4, float32 6, text 8, a list 9. */
  entry(key: string, value: Value): void {
    this.text(key);
    if (typeof value === "string") this.number(8).text(value);
    else if (typeof value === "number") this.number(4).number(value);
    else if (value instanceof Float32Array) this.number(6).number(new Uint32Array(value.buffer)[0]!);
    else {
      this.number(9).number(8).long(value.length);
      for (const text of value) this.text(text);
    }
  }
}
