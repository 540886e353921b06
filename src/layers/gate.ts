// The gated product of an MLP with its gradients, and multiples of rows, whose gradients are multiples too.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { gateBackwardVariant } from "../kernels/activation/gate-backward.js";
import type { gateVariant } from "../kernels/activation/gate.js";
import type { scaleVariant } from "../kernels/activation/scale.js";

interface GateCall {
  /** Pairs of a gate and its up. */
  readonly X: GpuBuffer;
  readonly rows: TableRange;
  /** The width of the product in vec4s. */
  readonly vectors: number;
}

export function gateForward(
  list: CommandList,
  pipeline: PipelineOf<ReturnType<typeof gateVariant>>,
  { X, rows, vectors, Y }: GateCall & { readonly Y: GpuBuffer },
): void {
  list.dispatch(
    pipeline,
    { X, rowTable: TABLES, Y },
    { firstEntry: rows.firstEntry, rowCount: rows.count, vectors },
  );
}

/** Sets dX. */
export function gateBackward(
  list: CommandList,
  pipeline: PipelineOf<ReturnType<typeof gateBackwardVariant>>,
  { X, rows, vectors, dY, dX }: GateCall & { readonly dY: GpuBuffer; readonly dX: GpuBuffer },
): void {
  list.dispatch(
    pipeline,
    { X, dY, rowTable: TABLES, dX },
    { firstEntry: rows.firstEntry, rowCount: rows.count, vectors },
  );
}

/** Y = factor · X, or with `adds`, Y += factor · X. */
export function scaleForward(
  list: CommandList,
  pipeline: PipelineOf<typeof scaleVariant>,
  call: {
    readonly X: GpuBuffer;
    readonly Y: GpuBuffer;
    readonly rows: TableRange;
    readonly vectors: number;
    readonly factor: number;
    readonly adds: boolean;
  },
): void {
  const { X, Y, rows, vectors, factor, adds } = call;
  list.dispatch(
    pipeline,
    { X, rowTable: TABLES, Y },
    { firstEntry: rows.firstEntry, rowCount: rows.count, vectors, factor, addToOutput: adds ? 1 : 0 },
  );
}
