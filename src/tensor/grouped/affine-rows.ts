// Rows of weights whose groups have a scale and a minimum, as blocks that the kernels' layouts take.
import { blockOf32, type BlockFormat } from "../blocks/decoded-block.js";
import { mixed } from "../blocks/mixed.js";

/** Bits of a weight that weft computes from. */
export type AffineBits = 4 | 8;

/** A scale and a minimum in float32, then 32 whole numbers of 4 bits: two to a byte, the first in the low half. */
export const affine4: BlockFormat = blockOf32("affine4", 24, true, (bytes, at, block) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  block.scales[0] = view.getFloat32(0, true);
  block.minimums[0] = view.getFloat32(4, true);
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + 8 + j]!;
    block.quants[2 * j] = byte & 15;
    block.quants[2 * j + 1] = byte >> 4;
  }
});

/** weight = scale·q + minimum, with whole numbers q from 0 on. */
export class AffineRows {
  readonly format: BlockFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #bits: AffineBits;
  readonly #rowBytes: number;

  /** `inputs`: a multiple of 32. */
  constructor(outputs: number, inputs: number, bits: AffineBits) {
    this.format = bits === 4 ? affine4 : mixed;
    this.#bits = bits;
    this.#rowBytes = (inputs / 32) * this.format.bytes;
    this.bytes = new Uint8Array(outputs * this.#rowBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Sets the whole numbers of a row's index-th 32 bits: consecutive inputs, the first in the lowest bits. */
  setWord(output: number, index: number, word: number): void {
    const at = this.#blockAt(output, Math.floor(index / this.#bits)) + 4 * (index % this.#bits);
    // 8 bits are stored with a sign: less 128, which the minimum makes up for.
    if (this.#bits === 4) this.#view.setUint32(at + 8, word, true);
    else this.#view.setUint32(at, word ^ 0x80808080, true);
  }

  /**
   * Sets what 32 inputs of a row are scaled by. With 8 bits, minimum + 128·scale is rounded to float32, unless it is exact, as it
   * nearly always is.
   */
  setScale(output: number, block: number, scale: number, minimum: number): void {
    const at = this.#blockAt(output, block);
    for (const own of this.#bits === 4 ? [at] : [at + 32, at + 40]) {
      this.#view.setFloat32(own, scale, true);
      this.#view.setFloat32(own + 4, this.#bits === 4 ? minimum : minimum + 128 * scale, true);
    }
  }

  #blockAt(output: number, block: number): number {
    return output * this.#rowBytes + block * this.format.bytes;
  }
}
