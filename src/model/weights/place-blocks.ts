// Puts rows of quantised weights into the words that the kernels read, a few panels at a time.
import { placeIn } from "../axis.js";
import { invariant } from "../../util/invariant.js";
import type { BlockFormat } from "../../tensor/blocks/decoded-block.js";
import { gpuFormats, isBlocks, PANEL, placesOf } from "../../tensor/blocks/gpu-layout.js";
import { mixed, mixRow } from "../../tensor/blocks/mixed.js";
import { packRows } from "../../tensor/blocks/pack.js";
import type { FilePart } from "./file-tensors.js";
import type { Piece } from "./parameters.js";
import type { PlacedPiece } from "./place.js";

/** Outputs that are packed together, as many as keep what is held small, in whole panels. */
const CHUNK_BYTES = 4 * 2 ** 20;

/** Rows of a chunk that have come. */
interface BegunChunk {
  readonly format: BlockFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  missing: number;
}

/** Rows of a tensor as a file has them. */
export interface BlockRowsOfTensor {
  readonly format: BlockFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The tensor's output that the first row is for. */
  readonly firstOutput: number;
  readonly inputs: number;
}

export class BlockPlacer {
  /** By the piece and the first output of the chunk in it. */
  readonly #begun = new Map<Piece, Map<number, BegunChunk>>();

  /** Yields the words of every chunk of the piece whose rows are all there. */
  *place(part: FilePart, piece: Piece, rows: BlockRowsOfTensor): Generator<PlacedPiece, void, undefined> {
    const { format, bytes, firstOutput, inputs } = rows;
    const fileRowBytes = (inputs / format.elements) * format.bytes;
    const last = firstOutput + bytes.length / fileRowBytes;
    // A chunk may have rows of several tensors, all in one format.
    const isMixed = piece.format === "q8m";
    const own = isMixed ? mixed : format;
    const rowBytes = (inputs / own.elements) * own.bytes;
    const chunkOutputs = PANEL * Math.max(1, Math.floor(CHUNK_BYTES / rowBytes / PANEL));
    const begin = Math.max(part.firstOutput, piece.first);
    const end = Math.min(part.firstOutput + part.count, piece.first + piece.count);
    for (let output = begin; output < end; output++) {
      const row = part.outputAt(output - part.firstOutput);
      if (row < firstOutput || row >= last) continue;
      const at = placeIn(part.parameter.outputs, output - piece.first);
      const first = at - (at % chunkOutputs);
      const chunk = this.#chunk(piece, first, Math.min(chunkOutputs, piece.count - first), own, rowBytes);
      const from = bytes.subarray((row - firstOutput) * fileRowBytes, (row - firstOutput + 1) * fileRowBytes);
      const to = chunk.bytes.subarray((at - first) * rowBytes, (at - first + 1) * rowBytes);
      if (isMixed) mixRow(from, format, to);
      else to.set(from);
      if (--chunk.missing > 0) continue;
      this.#begun.get(piece)!.delete(first);
      yield* packPiece(part, piece, first, own, chunk.bytes);
    }
  }

  /** Whether all rows of every chunk that was begun have come. */
  get isWhole(): boolean {
    return [...this.#begun.values()].every(({ size }) => size === 0);
  }

  #chunk(piece: Piece, first: number, count: number, format: BlockFormat, rowBytes: number): BegunChunk {
    let chunks = this.#begun.get(piece);
    if (!chunks) this.#begun.set(piece, (chunks = new Map()));
    let chunk = chunks.get(first);
    if (!chunk)
      chunks.set(first, (chunk = { format, bytes: new Uint8Array(count * rowBytes), missing: count }));
    invariant(chunk.format === format, "the rows of a piece are blocks of one format");
    return chunk;
  }
}

/** The name of the buffer that has a piece's scales, minimums and upper bits. */
export const scalesName = (piece: string): string => `${piece}.scales`;

/** Yields the words of consecutive outputs of a piece, from `firstOutput` on, the first of a panel. */
export function* packPiece(
  { parameter }: FilePart,
  piece: Piece,
  firstOutput: number,
  format: BlockFormat,
  bytes: Uint8Array<ArrayBuffer>,
): Generator<PlacedPiece, void, undefined> {
  invariant(isBlocks(piece.format), "only quantised matrices are placed as blocks");
  const gpu = gpuFormats[piece.format];
  const inputs = parameter.inputs!.size;
  const shape = { outputs: piece.count, inputs, panel: PANEL };
  const count = bytes.length / ((inputs / format.elements) * format.bytes);
  const { firstPanel, quants, scales } = packRows({ format, firstOutput, count, bytes }, gpu, shape);
  const { panels, quantWords, scaleWords } = placesOf(gpu, shape);
  yield {
    name: piece.name,
    values: quants,
    atBytes: 4 * firstPanel * quantWords,
    sizeBytes: 4 * panels * quantWords,
  };
  yield {
    name: scalesName(piece.name),
    values: scales,
    atBytes: 4 * firstPanel * scaleWords,
    sizeBytes: 4 * panels * scaleWords,
  };
}
