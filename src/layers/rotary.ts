// Rotary positions: queries and keys are turned on their way to where attention reads them. The tables of angles, and the gradients.
import type { Rotation } from "../families/model-config.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { rotaryBackwardVariant } from "../kernels/rotary/backward.js";
import type { normedRotaryVariant } from "../kernels/rotary/normed.js";
import { FINE_POSITIONS, type rotaryVariant } from "../kernels/rotary/rotary.js";
import type { NormWeights } from "./weights.js";

/**
 * The angles of a rotation as the shaders read them: for each position, cosine and sine of every pair, two pairs to a vec4. First
 * positions 0…255, with the rotation's factor, then every 256th.
 */
export function angleTable(
  { frequencies, factor }: Rotation,
  contextLength: number,
): Float32Array<ArrayBuffer> {
  const vectors = turnedVectorsOf({ frequencies });
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

/** vec4s of a head that are turned. */
export const turnedVectorsOf = (rotation: Pick<Rotation, "frequencies"> | undefined): number =>
  rotation === undefined ? 0 : Math.ceil(rotation.frequencies.length / 2);

/** What forward and backward have in common. Widths are in vec4s. */
interface RotaryCall {
  /** Undefined: nothing is turned. */
  readonly rotation: Rotation | undefined;
  readonly angles: GpuBuffer | undefined;
  readonly rowInfo: GpuBuffer;
  readonly rows: TableRange;
  /** A head. */
  readonly headVectors: number;
  /** A row of queries, and one of keys. */
  readonly queryVectors: number;
  readonly keyVectors: number;
}

export interface RotaryForward extends RotaryCall {
  /** As wide as `queryStride`, of which the first `queryVectors` are read. */
  readonly Q: GpuBuffer;
  readonly queryStride: number;
  /** As wide as `keyStride`, of which the `keyVectors` from `keyOffset` on are read. */
  readonly K: GpuBuffer;
  readonly keyStride: number;
  readonly keyOffset: number;
  /** Queries, keys and values, of which the values are read. */
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
    { Q, K, V, angles: angles ?? V, rowInfo, rowTable: TABLES, Q2: turnedQ, KV },
    {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      slotEntry: call.keyValueEntry ?? rows.firstEntry,
      headVectors: call.headVectors,
      turnedVectors: turnedVectorsOf(call.rotation),
      queryVectors: call.queryVectors,
      keyVectors: call.keyVectors,
      queryStride: call.queryStride,
      keyStride: call.keyStride,
      keyOffset: call.keyOffset,
    },
  );
}

/** Widths are in vec4s, but for those of norms. */
export interface NormedRotaryForward extends Omit<RotaryCall, "rowInfo"> {
  /** Queries, keys and values. */
  readonly X: GpuBuffer;
  readonly query: NormWeights;
  readonly key: NormWeights;
  /** How many norms the queries and the keys of a row have. */
  readonly queryNorms: number;
  readonly keyNorms: number;
  readonly epsilon: number;
  readonly gainOffset: number;
  readonly Q: GpuBuffer;
  readonly KV: GpuBuffer;
  /** The first entries of the rows' positions, and of the rows of KV. */
  readonly positionEntry: number;
  readonly slotEntry: number;
}

/** Norms of queries and keys by the mean square, then their positions. */
export function normedRotaryForward(
  list: CommandList,
  pipeline: PipelineOf<ReturnType<typeof normedRotaryVariant>>,
  call: NormedRotaryForward,
): void {
  const { X, query, key, Q, KV, rotation, angles, rows } = call;
  list.dispatch(
    pipeline,
    {
      X,
      queryGain: query.gain,
      keyGain: key.gain,
      bias: query.bias,
      angles: angles ?? X,
      rowTable: TABLES,
      Q,
      KV,
    },
    {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      slotEntry: call.slotEntry,
      positionEntry: call.positionEntry,
      headVectors: call.headVectors,
      turnedVectors: turnedVectorsOf(rotation),
      queryVectors: call.queryVectors,
      keyVectors: call.keyVectors,
      queryNorms: call.queryNorms,
      keyNorms: call.keyNorms,
      queryWidth: query.width,
      keyWidth: key.width,
      epsilon: call.epsilon,
      gainOffset: call.gainOffset,
    },
  );
}

export interface RotaryBackward extends RotaryCall {
  readonly dTurnedQ: GpuBuffer;
  readonly dKV: GpuBuffer;
  /** The gradient of queries or keys by themselves, or undefined if they are those that lie beside the values. */
  readonly dQ: GpuBuffer | undefined;
  readonly dK: GpuBuffer | undefined;
  /** That of queries, keys and values. */
  readonly dV: GpuBuffer;
}

/** Sets all of them. Those by themselves get 0 beside the values, so that the norm between the two can add. */
export function rotaryBackward(
  list: CommandList,
  pipeline: PipelineOf<typeof rotaryBackwardVariant>,
  call: RotaryBackward,
): void {
  const { dTurnedQ, dKV, dQ, dK, dV, rotation, angles, rowInfo, rows } = call;
  const { headVectors, queryVectors, keyVectors } = call;
  const [query, keyValue, all] = [queryVectors, 2 * keyVectors, queryVectors + 2 * keyVectors];
  const turnBack = (
    dY: GpuBuffer,
    dX: GpuBuffer,
    own: {
      readonly vectors: number;
      readonly inputStride: number;
      readonly inputOffset?: number;
      readonly outputStride: number;
      readonly outputOffset?: number;
      readonly zeroedVectors?: number;
      readonly turned: number;
    },
  ): void =>
    list.dispatch(
      pipeline,
      { dY, angles: angles ?? dY, rowInfo, rowTable: TABLES, dX },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        headVectors,
        turnedVectors: turnedVectorsOf(rotation),
        inputOffset: 0,
        outputOffset: 0,
        zeroedVectors: 0,
        turnedHeads: own.turned / headVectors,
        ...own,
      },
    );
  const queries = { vectors: query, inputStride: query, turned: query };
  const keys = { inputStride: keyValue, turned: keyVectors };
  if (dQ) turnBack(dTurnedQ, dQ, { ...queries, outputStride: query });
  else turnBack(dTurnedQ, dV, { ...queries, outputStride: all });
  if (dK) turnBack(dKV, dK, { ...keys, vectors: keyVectors, outputStride: keyVectors });
  // What lies in front of the values or keys that are set here is zeroed, unless it was set just now.
  const first = dQ ? 0 : query;
  const begin = dK ? query + keyVectors : query;
  turnBack(dKV, dV, {
    vectors: all - first,
    inputStride: keyValue,
    inputOffset: dK ? keyVectors : 0,
    outputStride: all,
    outputOffset: first,
    zeroedVectors: begin - first,
    turned: dK ? 0 : keyVectors,
  });
}
