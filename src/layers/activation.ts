// The activation as a dispatch of its own, for training, which keeps its input and its output. Also copies rows between buffers.
// The linear layer that reads the output forms the gradient: see `linearBackwardInput`.
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
  silu: Activation.silu,
};

export type ActivatePipeline = PipelineOf<typeof activateVariant>;

/** Y = activation(X), or Y = X, depending on what `pipeline` was compiled for. Rows have `vectors` vec4s. */
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
