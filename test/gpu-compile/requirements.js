// What a variant must reach that a GPU may be given, and why some may fall short of it.

/** Subgroups of a SIMD at once, of 16: fewer hide no latency of memory. A large tile lives with 6. */
const LEAST_WAVES = 6;

/** Kernels of training, which run long in one dispatch: what they lack in waves they have in multiply-adds per load. */
const FEWER_WAVES = [
  { match: /^linear\.backward-(input|weight) /, waves: 4 },
  { match: /^attention\.backward-query-workgroup HEAD_VECTORS=64 /, waves: 4 },
];

/** Tiles of products: multiply-adds per instruction of the inner loop, and bytes of workgroup memory per multiply-add. */
const TILE = /^linear\.forward-tiled .*TILE_ROWS=(64|128) TILE_COLUMNS=128/;
const LEAST_PER_INSTRUCTION = 0.7;
const MOST_SHARED_BYTES = 1;

/** Returns what is wrong with a row of the table, or undefined. */
export function problemOf({ kernel, chip, failure, spills, scratch, waves, perInstruction, sharedBytes }) {
  const leastWaves = FEWER_WAVES.find(({ match }) => match.test(kernel))?.waves ?? LEAST_WAVES;
  const problems = [
    failure,
    spills > 0 && `spills ${spills} registers`,
    scratch > 0 && `has ${scratch} bytes of private arrays in memory`,
    waves < leastWaves && `has ${waves} waves, expected ${leastWaves}`,
    TILE.test(kernel) &&
      perInstruction < LEAST_PER_INSTRUCTION &&
      `has ${perInstruction} multiply-adds per instruction, expected ${LEAST_PER_INSTRUCTION}`,
    TILE.test(kernel) &&
      sharedBytes > MOST_SHARED_BYTES &&
      `reads ${sharedBytes} bytes of workgroup memory per multiply-add, expected ${MOST_SHARED_BYTES}`,
  ].filter(Boolean);
  return problems.length > 0 ? `${kernel} on ${chip}: ${problems.join("; ")}` : undefined;
}
