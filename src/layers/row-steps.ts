// Steps of heads on rows of their own: each reads rows that follow one another, and writes others. Knows no model.
import type { HeadActivation } from "../families/recipe.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import type { CommandList } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import { Activation } from "../kernels/linear/linear.js";
import { TANH, type FinishActivation, type finishVariant } from "../kernels/pooling/finish.js";
import { activationOf } from "./activation.js";

export type FinishPipeline = PipelineOf<ReturnType<typeof finishVariant>>;

/** The shader's number of a head's activation. */
export const finishActivationOf = (activation: HeadActivation | undefined): FinishActivation =>
  activation === undefined ? Activation.none : activation === "tanh" ? TANH : activationOf[activation];

/** Rows of Y: the first `width` numbers of those of X, activated as `pipeline` says, and with a length of 1 if asked for. */
export function finishRows(
  list: CommandList,
  pipeline: FinishPipeline,
  call: {
    readonly X: GpuBuffer;
    readonly Y: GpuBuffer;
    readonly rowCount: number;
    /** The parts of a row of X, each padded by itself, and how wide each is. Default: one, of all that are kept. */
    readonly parts?: { readonly count: number; readonly width: number };
    /** vec4s of a row of X. Default: those of its parts. */
    readonly inputStride?: number;
    readonly width: number;
    readonly normalises?: boolean;
  },
): void {
  const { X, Y, rowCount, width, parts = { count: 1, width }, normalises = false } = call;
  const partVectors = Math.ceil(parts.width / 4);
  list.dispatch(
    pipeline,
    { X, Y },
    {
      rowCount,
      inputStride: call.inputStride ?? parts.count * partVectors,
      partWidth: parts.width,
      partVectors,
      width,
      outputVectors: Math.ceil(width / 4),
      normalises: normalises ? 1 : 0,
    },
  );
}
