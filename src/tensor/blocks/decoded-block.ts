// What a block of quantised weights says: whole numbers, and what they are multiplied with. All formats come to this.

/**
 * value = scales[i] · quants[i] + minimums[i], with the scale and the minimum of the group that the weight is in. Scales and
 * minimums are exact in float32, and so is every product; only the addition of a minimum rounds, once.
 */
export interface DecodedBlock {
  readonly quants: Int8Array;
  /** One per group of consecutive weights. */
  readonly scales: Float64Array;
  /** As `scales`; unused by formats without minimums. */
  readonly minimums: Float64Array;
  /**
   * Formats with blocks of 256 have scales that are whole numbers times `unit`, and minimums that are whole numbers times
   * `minimumUnit`, below 0.
   */
  readonly wholeScales: Int8Array;
  readonly wholeMinimums: Int8Array;
  unit: number;
  minimumUnit: number;
}

/** Room for a block of any format. */
export function emptyBlock(): DecodedBlock {
  return {
    quants: new Int8Array(256),
    scales: new Float64Array(16),
    minimums: new Float64Array(16),
    wholeScales: new Int8Array(16),
    wholeMinimums: new Int8Array(16),
    unit: 0,
    minimumUnit: 0,
  };
}

/** A format of blocks: consecutive weights of a row that have their scales in common. */
export interface BlockFormat {
  readonly name: string;
  /** Weights of a block. */
  readonly elements: number;
  readonly bytes: number;
  /** Consecutive weights with one scale. */
  readonly group: number;
  readonly hasMinimums: boolean;
  /** Reads the block whose first byte is bytes[at]. */
  decode(bytes: Uint8Array, at: number, block: DecodedBlock): void;
}

/** A format of 32 weights that have one scale. */
export function blockOf32(
  name: string,
  bytes: number,
  hasMinimums: boolean,
  decode: (bytes: Uint8Array, at: number, block: DecodedBlock) => void,
): BlockFormat {
  return { name, elements: 32, bytes, group: 32, hasMinimums, decode };
}

/** 32 weights by their 4 bits: 16 in the low halves of bytes, then 16 in the high halves. */
export function setHalves(
  bytes: Uint8Array,
  at: number,
  quants: Int8Array,
  first: number,
  value: (bits: number) => number,
): void {
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + j]!;
    quants[first + j] = value(byte & 15);
    quants[first + j + 16] = value(byte >> 4);
  }
}
