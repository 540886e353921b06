// Puts the tensors of a file into the layout of the kernels, piece by piece. Done once for all queues.
import { invariant } from "../../util/invariant.js";
import { ArgumentError } from "../../errors.js";
import { isBlocks, takesBlocks } from "../../tensor/blocks/gpu-layout.js";
import { quantise } from "../../tensor/blocks/quantise.js";
import { float32ToBfloat16, float32ToFloat16, type FloatFormat } from "../../tensor/formats.js";
import { copyIn, isSame } from "./copy-part.js";
import type { FilePart } from "./file-tensors.js";
import { BlockPlacer, packPiece } from "./place-blocks.js";
import type { Parameter, Piece } from "./parameters.js";
import type { FileWeight } from "./read-weights.js";

/** The contents of one buffer of a replica, or a part of them. */
export interface PlacedPiece {
  readonly name: string;
  readonly values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  /** If these are only a part of the buffer: where they begin, and how large it is. */
  readonly atBytes?: number;
  readonly sizeBytes?: number;
}

/** Values as a buffer holds them. */
const stored: Readonly<Record<FloatFormat, (values: Float32Array<ArrayBuffer>) => PlacedPiece["values"]>> = {
  f32: (values) => values,
  f16: float32ToFloat16,
  bf16: float32ToBfloat16,
};

/** The least magnitude that rounds to an infinity of f16. */
const BEYOND_FLOAT16 = 65520;

/** A piece of which something has come. */
interface Begun {
  readonly values: Float32Array<ArrayBuffer>;
  /** Outputs that have not come. */
  missing: number;
}

/** Takes tensors or parts of them in any order. Keeps a piece until all of it is there. */
export class WeightPlacer {
  readonly #begun = new Map<Piece, Begun>();
  readonly #blocks = new BlockPlacer();

  /** Yields one piece after the other, so that only one is held. Throws ArgumentError for values that f16 cannot hold. */
  *place(weight: FileWeight): Generator<PlacedPiece, void, undefined> {
    const { tensor, values } = weight;
    for (const part of tensor.parts) {
      if (part.format === "f16") checkFloat16(tensor.key, values);
      for (const piece of part.pieces) {
        const { format, name } = piece;
        if (isBlocks(format)) {
          const { blocks, firstOutput = 0 } = weight;
          if (blocks && takesBlocks(format, blocks.format.name))
            yield* this.#blocks.place(part, piece, { ...blocks, firstOutput, inputs: tensor.inputs });
          else yield* this.#quantise(piece, part, weight);
          continue;
        }
        const placed = this.#fill(piece, part, weight);
        if (placed) yield { name, values: stored[format](placed) };
      }
    }
  }

  /** Yields what is left when all tensors have come: joined biases of which files have some, with zeros for the others. */
  *finish(): Generator<PlacedPiece, void, undefined> {
    invariant(this.#blocks.isWhole, "rows of a quantised matrix have not come");
    for (const [{ name, format }, { values }] of this.#begun) {
      invariant(!isBlocks(format), "values of a quantised matrix have not come");
      yield { name, values: stored[format](values) };
    }
    this.#begun.clear();
  }

  /** Yields the words of a piece, once all of its values have come. */
  *#quantise(piece: Piece, part: FilePart, weight: FileWeight): Generator<PlacedPiece, void, undefined> {
    const rows = this.#fill(piece, part, weight, "outputs first");
    if (!rows) return;
    const { format, bytes } = quantise(rows, piece.format === "q8" ? 8 : 4);
    yield* packPiece(part, piece, 0, format, bytes);
  }

  /** Returns the values of a piece, once all of them have come. `layout`: default is that of the parameter. */
  #fill(
    piece: Piece,
    part: FilePart,
    { tensor, values, firstOutput = 0 }: FileWeight,
    layout: Parameter["layout"] = part.parameter.layout,
  ): Float32Array<ArrayBuffer> | undefined {
    const count = values.length / tensor.inputs;
    const elements = layout === part.parameter.layout ? piece.elements : piece.count * tensor.inputs;
    if (count === tensor.outputs && isSame({ tensor, part, piece, layout }, elements)) return values;
    let begun = this.#begun.get(piece);
    begun ??= { values: new Float32Array(elements), missing: piece.count };
    begun.missing -= copyIn(
      { tensor, part, piece, layout, rows: { first: firstOutput, count } },
      values,
      begun.values,
    );
    // Pieces that a part has nothing of are not begun.
    if (begun.missing > 0) {
      if (begun.missing < piece.count) this.#begun.set(piece, begun);
      return undefined;
    }
    this.#begun.delete(piece);
    return begun.values;
  }
}

function checkFloat16(tensor: string, values: Float32Array): void {
  const outside = values.findIndex((value) => Math.abs(value) >= BEYOND_FLOAT16);
  if (outside < 0) return;
  throw new ArgumentError({
    argument: "weights",
    expected: `"f32", as tensor "${tensor}" holds ${values[outside]} and f16 ends at 65504`,
    received: "f16",
    remedy: 'Load the model with weights "f32".',
  });
}
