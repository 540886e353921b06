// Tells whether files that are read again hold the same weights as before.
import type { PlacedPiece } from "../../model/weights/place.js";

/** Words of each piece that are looked at: a model that was trained differs in nearly all of its words. */
const WORDS = 256;

/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv. */
const OFFSET = 0x81_1c_9d_c5;
const PRIME = 0x01_00_01_93;

/** Looks at words of every piece, evenly spread. Pieces may come in any order. */
export class WeightsPrint {
  readonly #pieces = new Map<string, number>();

  add({ name, values, atBytes = 0 }: PlacedPiece): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const step = Math.max(4, 4 * Math.floor(bytes.length / 4 / WORDS));
    let hash = OFFSET;
    for (let at = 0; at < bytes.length; at += step)
      for (let index = at; index < Math.min(at + 4, bytes.length); index++)
        hash = Math.imul(hash ^ bytes[index]!, PRIME);
    this.#pieces.set(`${name} ${atBytes} ${bytes.length}`, hash >>> 0);
  }

  toString(): string {
    return [...this.#pieces]
      .map(([name, hash]) => `${name} ${hash}`)
      .toSorted()
      .join("\n");
  }
}
