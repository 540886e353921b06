// One row for each sentence of the rows of its tokens: see shaders/pooling/forward.wgsl.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import { poolingMethods, type PoolingName, type poolingVariant } from "../kernels/pooling/pooling.js";

export type PoolingPipeline = PipelineOf<typeof poolingVariant>;

/** Pools by each method in turn; the results of a sentence follow one another in its row of Y. */
export function poolSentences(
  list: CommandList,
  pipeline: PoolingPipeline,
  call: {
    readonly X: GpuBuffer;
    readonly Y: GpuBuffer;
    /** First word of the sentences in the tables. */
    readonly firstWord: number;
    readonly sentenceCount: number;
    readonly channelVectors: number;
    readonly methods: readonly PoolingName[];
  },
): void {
  const { X, Y, methods, ...params } = call;
  for (const [index, method] of methods.entries())
    list.dispatch(
      pipeline,
      { X, table: TABLES, Y },
      {
        ...params,
        poolingMethod: poolingMethods[method],
        outputStride: methods.length * params.channelVectors,
        outputOffset: index * params.channelVectors,
      },
    );
}
