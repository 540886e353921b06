// Random damage to files, from a seed.
import type { SeededRandom } from "./random.js";

/** Cuts the file, changes bytes, or writes an extreme number, mostly in the first 1600. */
export function mutate(file: Uint8Array<ArrayBuffer>, random: SeededRandom): Uint8Array<ArrayBuffer> {
  const header = Math.min(file.length, 1600);
  const place = (): number => random.integer(random.integer(4) === 0 ? file.length : header);
  const kind = random.integer(5);
  if (kind === 0) return file.slice(0, place());
  const changed = file.slice();
  if (kind === 1) changed[place()] = random.integer(256);
  else if (kind === 2) {
    const at = place();
    changed[at] = changed[at]! ^ (1 << random.integer(8));
  } else if (kind === 3) {
    const values = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
    const at = Math.max(0, Math.min(place(), file.length - 8));
    new DataView(changed.buffer).setBigUint64(at, values[random.integer(values.length)]!, true);
  } else {
    // A part of the file over another.
    const [from, to] = [place(), place()];
    changed.copyWithin(to, from, from + random.integer(64));
  }
  return changed;
}
