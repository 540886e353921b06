// A format of blocks that holds the values of every other one: for pairs of gates and ups in two formats.
import { emptyBlock, type BlockFormat } from "./decoded-block.js";

/** 32 whole numbers of 8 bits, then a scale and a minimum in float32 for each 16 of them. */
export const mixed: BlockFormat = {
  name: "mixed",
  elements: 32,
  bytes: 48,
  group: 16,
  hasMinimums: true,
  decode(bytes, at, block) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, 48);
    for (let j = 0; j < 32; j++) block.quants[j] = bytes[at + j]!;
    for (let k = 0; k < 2; k++) {
      block.scales[k] = view.getFloat32(32 + 8 * k, true);
      block.minimums[k] = view.getFloat32(36 + 8 * k, true);
    }
  },
};

/** Writes a row of weights of another format into `to`, in the mixed one. No value changes: scales and minimums are exact in float32. */
export function mixRow(from: Uint8Array, format: BlockFormat, to: Uint8Array): void {
  const block = emptyBlock();
  const view = new DataView(to.buffer, to.byteOffset, to.length);
  for (let at = 0, weight = 0; at < from.length; at += format.bytes, weight += format.elements) {
    format.decode(from, at, block);
    for (let j = 0; j < format.elements; j++) {
      const own = weight + j;
      const begin = Math.floor(own / 32) * 48;
      to[begin + (own % 32)] = block.quants[j]!;
      if (own % 16 > 0) continue;
      const group = Math.floor(j / format.group);
      const scales = begin + 32 + (own % 32) / 2;
      view.setFloat32(scales, block.scales[group]!, true);
      // To add −0 changes nothing, not even a −0.
      view.setFloat32(scales + 4, format.hasMinimums ? block.minimums[group]! : -0, true);
    }
  }
}
