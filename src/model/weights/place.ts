// Puts the tensors of a file into the layout of the kernels, piece by piece. Done once for all queues.
import { ArgumentError } from "../../errors.js";
import { float32ToFloat16 } from "../../tensor/formats.js";
import { copyIn, isSame } from "./copy-part.js";
import type { FilePart } from "./file-tensors.js";
import type { Parameter, Piece } from "./parameters.js";
import type { FileWeight } from "./read-weights.js";

/** The contents of one buffer of a replica. */
export interface PlacedPiece {
  readonly name: string;
  readonly values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
}

/** The least magnitude that rounds to an infinity of f16. */
const BEYOND_FLOAT16 = 65520;

/** Takes tensors in any order. If several tensors make one parameter, it keeps what has come until the last is there. */
export class WeightPlacer {
  readonly #begun = new Map<Parameter, { readonly values: Float32Array<ArrayBuffer>; missing: number }>();

  /** Yields one piece after the other, so that only one is held. Throws ArgumentError for values that f16 cannot hold. */
  *place({ tensor, values }: FileWeight): Generator<PlacedPiece, void, undefined> {
    for (const part of tensor.parts) {
      const { parameter } = part;
      if (parameter.format === "f16") checkFloat16(tensor.key, values);
      for (const piece of parameter.pieces) {
        const placed = this.#fill(parameter, piece, part, { tensor, values });
        if (placed)
          yield { name: piece.name, values: parameter.format === "f32" ? placed : float32ToFloat16(placed) };
      }
    }
  }

  /** Returns the values of a piece, once all of them have come. */
  #fill(
    parameter: Parameter,
    piece: Piece,
    part: FilePart,
    { tensor, values }: FileWeight,
  ): Float32Array<ArrayBuffer> | undefined {
    if (part.count === parameter.outputs.size) {
      if (isSame({ tensor, part, piece })) return values;
      const own = new Float32Array(piece.elements);
      copyIn({ tensor, part, piece }, values, own);
      return own;
    }
    let begun = this.#begun.get(parameter);
    if (!begun)
      this.#begun.set(
        parameter,
        (begun = { values: new Float32Array(piece.elements), missing: parameter.outputs.size }),
      );
    copyIn({ tensor, part, piece }, values, begun.values);
    begun.missing -= part.count;
    if (begun.missing > 0) return undefined;
    this.#begun.delete(parameter);
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
