// Rotary positions: queries and keys are turned on their way to where attention reads them. The tables of angles, and the gradients.
import type { Rotation } from "../families/model-config.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { rotaryBackwardVariant } from "../kernels/rotary/backward.js";
import { FINE_POSITIONS, type rotaryVariant } from "../kernels/rotary/rotary.js";

/**
 * The angles of a rotation as the shaders read them: for each position, cosine and sine of every pair, two pairs to a vec4. First
 * positions 0…255, with the rotation's factor, then every 256th.
 */
export function angleTable(
  { frequencies, factor }: Rotation,
  contextLength: number,
): Float32Array<ArrayBuffer> {
  const vectors = turnedVectors({ frequencies });
  const coarse = Math.ceil(contextLength / FINE_POSITIONS);
  const table = new Float32Array(4 * vectors * (FINE_POSITIONS + coarse));
  for (let row = 0; row < FINE_POSITIONS + coarse; row++) {
    const isFine = row < FINE_POSITIONS;
    const position = isFine ? row : FINE_POSITIONS * (row - FINE_POSITIONS);
    for (let pair = 0; pair < 2 * vectors; pair++) {
      // The second pair of the last vec4 may not be turned.
      const frequency = frequencies[pair];
      const size = isFine && frequency !== undefined ? factor : 1;
      const angle = position * (frequency ?? 0);
      const at = 4 * vectors * row + 2 * pair;
      table.set([size * Math.cos(angle), size * Math.sin(angle)], at);
    }
  }
  return table;
}

const turnedVectors = ({ frequencies }: Pick<Rotation, "frequencies">): number =>
  Math.ceil(frequencies.length / 2);

/** What forward and backward have in common. Widths are in vec4s. */
interface RotaryCall {
  readonly rotation: Rotation;
  readonly angles: GpuBuffer;
  readonly rowInfo: GpuBuffer;
  readonly rows: TableRange;
  /** A head. */
  readonly headVectors: number;
  /** A row of queries, and one of keys. */
  readonly queryVectors: number;
  readonly keyVectors: number;
}

export interface RotaryForward extends RotaryCall {
  readonly Q: GpuBuffer;
  /** As wide as `keyStride`, of which the first `keyVectors` are read. */
  readonly K: GpuBuffer;
  readonly keyStride: number;
  /** Keys and values, of which the values are read. */
  readonly V: GpuBuffer;
  readonly turnedQ: GpuBuffer;
  readonly KV: GpuBuffer;
  /** The first entry of the rows of KV, if they are not those of Q. */
  readonly keyValueEntry?: number | undefined;
}

export function rotaryForward(
  list: CommandList,
  pipeline: PipelineOf<ReturnType<typeof rotaryVariant>>,
  call: RotaryForward,
): void {
  const { Q, K, V, turnedQ, KV, angles, rowInfo, rows } = call;
  list.dispatch(
    pipeline,
    { Q, K, V, angles, rowInfo, rowTable: TABLES, Q2: turnedQ, KV },
    {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      slotEntry: call.keyValueEntry ?? rows.firstEntry,
      headVectors: call.headVectors,
      turnedVectors: turnedVectors(call.rotation),
      queryVectors: call.queryVectors,
      keyVectors: call.keyVectors,
      keyStride: call.keyStride,
    },
  );
}

export interface RotaryBackward extends RotaryCall {
  readonly dTurnedQ: GpuBuffer;
  readonly dKV: GpuBuffer;
  readonly dQ: GpuBuffer;
  /** The gradient of the keys by themselves, or undefined if they are those that lie beside the values. */
  readonly dK: GpuBuffer | undefined;
  readonly dV: GpuBuffer;
}

/** Sets all of them. If keys are by themselves, those beside the values get 0, so that the norm between the two can add. */
export function rotaryBackward(
  list: CommandList,
  pipeline: PipelineOf<typeof rotaryBackwardVariant>,
  call: RotaryBackward,
): void {
  const { angles, rowInfo, rows, headVectors, queryVectors, keyVectors } = call;
  const keyHeads = keyVectors / headVectors;
  const turnBack = (
    dY: GpuBuffer,
    dX: GpuBuffer,
    own: { inputStride: number; outputStride: number; turnedHeads: number; zeroedHeads: number },
  ): void =>
    list.dispatch(
      pipeline,
      { dY, angles, rowInfo, rowTable: TABLES, dX },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        headVectors,
        turnedVectors: turnedVectors(call.rotation),
        ...own,
      },
    );
  const query = { inputStride: queryVectors, outputStride: queryVectors };
  const keyValue = { inputStride: 2 * keyVectors, outputStride: 2 * keyVectors };
  turnBack(call.dTurnedQ, call.dQ, { ...query, turnedHeads: queryVectors / headVectors, zeroedHeads: 0 });
  if (!call.dK) {
    turnBack(call.dKV, call.dV, { ...keyValue, turnedHeads: keyHeads, zeroedHeads: 0 });
    return;
  }
  const key = { inputStride: 2 * keyVectors, outputStride: keyVectors };
  turnBack(call.dKV, call.dK, { ...key, turnedHeads: keyHeads, zeroedHeads: 0 });
  turnBack(call.dKV, call.dV, { ...keyValue, turnedHeads: 0, zeroedHeads: keyHeads });
}
