// The activation by itself, for training, which keeps what goes in and what comes out; and rows copied from buffer to buffer.
// Its gradient is taken by the linear layer that reads its output: see `linearBackwardInput`.
import type { ActivationName } from "../families/model-config.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { activateVariant } from "../kernels/activation/activate.js";
import { Activation } from "../kernels/linear/linear.js";

/** The shaders' numbers of the activations that configurations name. */
export const activationOf: Readonly<Record<ActivationName, Activation>> = {
  gelu_new: Activation.geluTanh,
  gelu_pytorch_tanh: Activation.geluTanh,
  gelu: Activation.geluErf,
  relu: Activation.relu,
};

export type ActivatePipeline = PipelineOf<typeof activateVariant>;

/** Y = activation(X), or a copy, as `pipeline` was compiled; rows of `vectors` vec4s. */
export function activateForward(
  list: CommandList,
  pipeline: ActivatePipeline,
  call: {
    readonly X: GpuBuffer;
    readonly Y: GpuBuffer;
    readonly rows: TableRange;
    readonly vectors: number;
  },
): void {
  const { X, Y, rows, vectors } = call;
  list.dispatch(
    pipeline,
    { X, rowTable: TABLES, Y },
    { firstEntry: rows.firstEntry, rowCount: rows.count, vectors },
  );
}
