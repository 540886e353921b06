// How a matrix of quantised weights lies on the GPU: which bits go to which words. Data and plain arithmetic; pack.ts fills the
// words, and shaders read them.
//
// A matrix has N outputs, each with a row of K inputs. Its rows are cut into groups of 32 inputs, and its outputs into panels.
// A panel is contiguous, so that a matrix is uploaded panel by panel while its rows arrive. Inside a panel, words of
// neighbouring outputs are neighbours: lanes that compute neighbouring outputs read neighbouring words.
//
// There are two buffers:
// - quants: vec4<u32>. Groups of 4 bits take one vec4 (32 weights), groups of 8 bits take two (16 weights each).
//   Vector ((panel · K/32 + group) · vectors + v) · P + lane, for output panel · P + lane.
// - scales: u32, planes one after the other in each panel. A plane has `words` words for every `every` inputs:
//   word panel · panelWords + planeBegin + ((input / every) · words + w) · P + lane.
//
// Inside a group of 4 bits, word w of the vec4 holds inputs 8 w … 8 w + 7: byte i has input 8 w + i in its low half and input
// 8 w + 4 + i in its high half. So unpack4xU8(word & 0x0f0f0f0f) and unpack4xU8((word >> 4) & 0x0f0f0f0f) are the factors of two
// consecutive vec4 of activations. Upper bits lie in planes in the same order: with s = 0 … 7 for four consecutive inputs each,
// a fifth bit of input 4 s + i is bit 8 i + s of a word; the fifth and sixth bits are bits 8 i + 2 (s % 4) of word s / 4.
// Inside a group of 8 bits, byte i of word w of vector v holds input 16 v + 4 w + i, as two's complement: unpack4xI8.

/** P: as many outputs as neighbouring lanes of a subgroup, whose words are then in one run of 512 bytes. */
export const PANEL = 32;

/** What the value of a weight is, of its bits q. */
export type GpuScaling =
  /** scale · (q − centre), the scale as f32 for every 32 inputs. */
  | "scale"
  /** scale · q + minimum, both as f32 for every 32 inputs, or 16. */
  | "scale and minimum"
  /** (unit · s) · (q − centre): unit as f32 for every 256 inputs, s as i8 for every 16. */
  | "whole scales"
  /** (unit · s) · q − minimumUnit · m: both units as f32 for every 256 inputs, s and m as u8 for every 32 or 16. */
  | "whole scales and minimums";

export interface GpuPlane {
  readonly name: "upper" | "scale" | "minimum" | "whole" | "unit" | "minimumUnit";
  /** Inputs of a row that these words belong to. */
  readonly every: number;
  readonly words: number;
}

/** A format of weights on the GPU. Several formats of files share one: no value changes on the way. */
export interface GpuBlockFormat {
  readonly name: string;
  /** Bits of a weight in the buffer `quants`: the lower ones. */
  readonly bits: 4 | 8;
  /** Bits of a weight in the plane "upper". */
  readonly upperBits: 0 | 1 | 2;
  readonly scaling: GpuScaling;
  /** Consecutive inputs with one scale. */
  readonly group: 16 | 32;
  /** What is subtracted from the bits. 0 where minimums are added, and for 8 bits, which have a sign. */
  readonly centre: number;
  /** The planes of the buffer `scales`, in order. */
  readonly planes: readonly GpuPlane[];
}

const plane = (name: GpuPlane["name"], every: number, words: number = 1): GpuPlane => ({
  name,
  every,
  words,
});

const byScale = (bits: 4 | 8, upperBits: 0 | 1, centre: number, name: string): GpuBlockFormat => ({
  name,
  bits,
  upperBits,
  scaling: "scale",
  group: 32,
  centre,
  planes: [plane("scale", 32), ...(upperBits ? [plane("upper", 32, upperBits)] : [])],
});

const byMinimum = (bits: 4 | 8, upperBits: 0 | 1, group: 16 | 32, name: string): GpuBlockFormat => ({
  name,
  bits,
  upperBits,
  scaling: "scale and minimum",
  group,
  centre: 0,
  planes: [
    plane("scale", group),
    plane("minimum", group),
    ...(upperBits ? [plane("upper", 32, upperBits)] : []),
  ],
});

/** The whole scales and minimums of 64 inputs (of 32, if groups have 16) fill one word. */
const byWholePairs = (upperBits: 0 | 1, group: 16 | 32, name: string): GpuBlockFormat => ({
  name,
  bits: 4,
  upperBits,
  scaling: "whole scales and minimums",
  group,
  centre: 0,
  planes: [
    plane("whole", 2 * group),
    plane("unit", 256),
    plane("minimumUnit", 256),
    ...(upperBits ? [plane("upper", 32, upperBits)] : []),
  ],
});

export type GpuFormatName = "q8" | "q4" | "q5" | "q4m" | "q5m" | "q8m" | "q4k" | "q5k" | "q2k" | "q6k";

export const gpuFormats: Readonly<Record<GpuFormatName, GpuBlockFormat>> = {
  q8: byScale(8, 0, 0, "q8"),
  q4: byScale(4, 0, 8, "q4"),
  q5: byScale(4, 1, 16, "q5"),
  q4m: byMinimum(4, 0, 32, "q4m"),
  q5m: byMinimum(4, 1, 32, "q5m"),
  // Holds the values of every format, and is for pairs of gates and ups of two: 12 bits a weight.
  q8m: byMinimum(8, 0, 16, "q8m"),
  q4k: byWholePairs(0, 32, "q4k"),
  q5k: byWholePairs(1, 32, "q5k"),
  q2k: byWholePairs(0, 16, "q2k"),
  q6k: {
    name: "q6k",
    bits: 4,
    upperBits: 2,
    scaling: "whole scales",
    group: 16,
    centre: 32,
    planes: [plane("whole", 64), plane("unit", 256), plane("upper", 32, 2)],
  },
};

/** Whether a format of weights is one of quantised blocks. */
export const isBlocks = (format: string): format is GpuFormatName => Object.hasOwn(gpuFormats, format);

/**
 * Which of them holds a format of files. Levels that are not evenly spaced become 8 bits, as they are whole numbers of one byte;
 * 2 and 3 bits take the place of 4 and 6: such files are for machines that have little memory, but are rare.
 */
export const gpuFormatOf: Readonly<Record<string, GpuFormatName>> = {
  Q8_0: "q8",
  IQ4_NL: "q8",
  IQ4_XS: "q8",
  MXFP4: "q8",
  Q4_0: "q4",
  Q5_0: "q5",
  Q4_1: "q4m",
  Q5_1: "q5m",
  Q4_K: "q4k",
  Q5_K: "q5k",
  Q2_K: "q2k",
  Q6_K: "q6k",
  Q3_K: "q6k",
  // Not of GGUF: what weights of src/tensor/grouped become.
  affine4: "q4m",
  mixed: "q8m",
};

/** Whether a matrix that is stored in `format` takes blocks of this format of files as they are. */
export const takesBlocks = (format: string, ofFile: string): boolean =>
  gpuFormatOf[ofFile] !== undefined && (format === "q8m" || format === gpuFormatOf[ofFile]);

/** The extent of a matrix on the GPU. */
export interface GpuMatrixShape {
  /** N. */
  readonly outputs: number;
  /** K, a multiple of the blocks' size. */
  readonly inputs: number;
  /** P: outputs whose words are interleaved. Outputs beyond N are zeros. */
  readonly panel: number;
}

/** Where the words of a panel are, and how many a matrix has. */
export interface GpuPlaces {
  readonly panels: number;
  /** vec4<u32> per 32 inputs of an output: 1 or 2. */
  readonly vectors: number;
  /** Words of one panel in each buffer. */
  readonly quantWords: number;
  readonly scaleWords: number;
  /** Where each plane begins in its panel, in words. */
  readonly planeBegins: Readonly<Partial<Record<GpuPlane["name"], number>>>;
}

export function placesOf(
  { bits, planes }: GpuBlockFormat,
  { outputs, inputs, panel }: GpuMatrixShape,
): GpuPlaces {
  const vectors = bits === 8 ? 2 : 1;
  const planeBegins: Partial<Record<GpuPlane["name"], number>> = {};
  let scaleWords = 0;
  for (const { name, every, words } of planes) {
    planeBegins[name] = scaleWords;
    scaleWords += Math.ceil(inputs / every) * words * panel;
  }
  return {
    panels: Math.ceil(outputs / panel),
    vectors,
    quantWords: (inputs / 32) * vectors * 4 * panel,
    scaleWords,
    planeBegins,
  };
}

/** Bytes of a matrix on the GPU. */
export function gpuMatrixBytes(format: GpuBlockFormat, shape: GpuMatrixShape): number {
  const { panels, quantWords, scaleWords } = placesOf(format, shape);
  return 4 * panels * (quantWords + scaleWords);
}
