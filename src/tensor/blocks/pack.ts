// Fills the words that the GPU reads with blocks as files hold them. Pure: no value is rounded, bits only change their places.
import { emptyBlock, type BlockFormat, type DecodedBlock } from "./decoded-block.js";
import { placesOf, type GpuBlockFormat, type GpuMatrixShape, type GpuPlaces } from "./gpu-layout.js";

/** Consecutive panels of a matrix. */
export interface PackedPanels {
  readonly firstPanel: number;
  readonly panels: number;
  readonly quants: Uint32Array<ArrayBuffer>;
  readonly scales: Uint32Array<ArrayBuffer>;
}

/** Rows of a matrix as files hold them. */
export interface BlockRows {
  readonly format: BlockFormat;
  /** The output that the first row is for: the first of a panel. */
  readonly firstOutput: number;
  readonly count: number;
  readonly bytes: Uint8Array;
  /** Which of these rows is that of output firstOutput + index, if rows are in another order. */
  readonly rowOf?: (index: number) => number;
}

/**
 * Packs rows whose first is the first of a panel. Lanes of the last panel that get no row stay zero: the rows must end with a
 * panel, or with the matrix.
 */
export function packRows(rows: BlockRows, gpu: GpuBlockFormat, shape: GpuMatrixShape): PackedPanels {
  const { format, firstOutput, count, bytes, rowOf = (index) => index } = rows;
  const { panel, inputs } = shape;
  const places = placesOf(gpu, shape);
  const panels = Math.ceil(count / panel);
  const quants = new Uint32Array(panels * places.quantWords);
  const scales = new Uint32Array(panels * places.scaleWords);
  const writer = new PanelWriter(gpu, places, panel, quants, scales);
  const block = emptyBlock();
  const blocks = inputs / format.elements;
  const rowBytes = blocks * format.bytes;
  for (let index = 0; index < count; index++) {
    writer.begin(Math.floor(index / panel), index % panel);
    const row = rowOf(index) * rowBytes;
    for (let b = 0; b < blocks; b++) {
      format.decode(bytes, row + b * format.bytes, block);
      writer.writeQuants(block.quants, b * format.elements, format.elements);
      writer.writeScales(block, b * format.elements, format.elements);
    }
  }
  return { firstPanel: firstOutput / panel, panels, quants, scales };
}

class PanelWriter {
  readonly #gpu: GpuBlockFormat;
  readonly #places: GpuPlaces;
  readonly #panel: number;
  readonly #quants: Uint32Array;
  readonly #scales: Uint32Array;
  readonly #floats: Float32Array;
  #quantBegin = 0;
  #scaleBegin = 0;

  constructor(
    gpu: GpuBlockFormat,
    places: GpuPlaces,
    panel: number,
    quants: Uint32Array<ArrayBuffer>,
    scales: Uint32Array<ArrayBuffer>,
  ) {
    this.#gpu = gpu;
    this.#places = places;
    this.#panel = panel;
    this.#quants = quants;
    this.#scales = scales;
    this.#floats = new Float32Array(scales.buffer);
  }

  /** The next writes are for this lane of this panel. */
  begin(panel: number, lane: number): void {
    this.#quantBegin = panel * this.#places.quantWords + 4 * lane;
    this.#scaleBegin = panel * this.#places.scaleWords + lane;
  }

  writeQuants(values: Int8Array, first: number, count: number): void {
    const { bits, centre, upperBits } = this.#gpu;
    const panelVector = 4 * this.#panel;
    for (let begin = 0; begin < count; begin += 32) {
      const group = (first + begin) / 32;
      if (bits === 8) {
        for (let word = 0; word < 8; word++) {
          const at = this.#quantBegin + (2 * group + (word >> 2)) * panelVector + (word & 3);
          this.#quants[at] = bytesOf(values, begin + 4 * word, 0, 0xff);
        }
        continue;
      }
      const at = this.#quantBegin + group * panelVector;
      for (let word = 0; word < 4; word++) {
        const low = bytesOf(values, begin + 8 * word, centre, 15);
        const high = bytesOf(values, begin + 8 * word + 4, centre, 15);
        this.#quants[at + word] = low | (high << 4);
      }
      if (upperBits > 0) this.#writeUpper(values, begin, group);
    }
  }

  #writeUpper(values: Int8Array, begin: number, group: number): void {
    const { centre, upperBits } = this.#gpu;
    const mask = (1 << upperBits) - 1;
    const fours = 8 / upperBits;
    for (let word = 0; word < upperBits; word++) {
      let bits = 0;
      for (let s = 0; s < fours; s++)
        for (let i = 0; i < 4; i++) {
          const value = values[begin + 4 * (word * fours + s) + i]! + centre;
          bits |= ((value >> 4) & mask) << (8 * i + upperBits * s);
        }
      this.#scales[this.#at("upper", group * upperBits + word)] = bits;
    }
  }

  writeScales(block: DecodedBlock, first: number, count: number): void {
    const { scaling, group } = this.#gpu;
    switch (scaling) {
      case "scale":
      case "scale and minimum":
        for (let k = 0; k < count / group; k++) {
          const index = first / group + k;
          this.#floats[this.#at("scale", index)] = block.scales[k]!;
          if (scaling === "scale and minimum") this.#floats[this.#at("minimum", index)] = block.minimums[k]!;
        }
        return;
      case "whole scales":
        for (let k = 0; k < 16; k += 4)
          this.#scales[this.#at("whole", first / 64 + k / 4)] = bytesOf(block.wholeScales, k, 0, 0xff);
        this.#floats[this.#at("unit", first / 256)] = block.unit;
        return;
      case "whole scales and minimums":
        for (let k = 0; k < 256 / group; k += 2) {
          const { wholeScales: s, wholeMinimums: m } = block;
          this.#scales[this.#at("whole", (first / group + k) / 2)] =
            s[k]! | (m[k]! << 8) | (s[k + 1]! << 16) | (m[k + 1]! << 24);
        }
        this.#floats[this.#at("unit", first / 256)] = block.unit;
        this.#floats[this.#at("minimumUnit", first / 256)] = block.minimumUnit;
        return;
      default:
        scaling satisfies never;
    }
  }

  #at(plane: keyof GpuPlaces["planeBegins"], index: number): number {
    return this.#scaleBegin + this.#places.planeBegins[plane]! + index * this.#panel;
  }
}

/** Four values, less the centre's shift, in the bytes of a word. */
function bytesOf(values: Int8Array, at: number, centre: number, mask: number): number {
  return (
    ((values[at]! + centre) & mask) |
    (((values[at + 1]! + centre) & mask) << 8) |
    (((values[at + 2]! + centre) & mask) << 16) |
    (((values[at + 3]! + centre) & mask) << 24)
  );
}
