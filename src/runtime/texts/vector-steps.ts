// What becomes of pooled rows on the GPU: dense modules, a cut, a length of 1, so that only vectors are read back. In float32 with
// the kernels of linear layers: a row depends on nothing but itself.
import type { GpuBuffer } from "../../gpu/buffer.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Queue } from "../../gpu/queue.js";
import { finishVariant, TANH } from "../../kernels/pooling/finish.js";
import { Activation, registerTiledLinear, type LinearKernel } from "../../kernels/linear/linear.js";
import { rowOutput } from "../../kernels/linear/output.js";
import { fitsDevice } from "../../kernels/workgroup-needs.js";
import { finishRows } from "../../layers/row-steps.js";
import { linearForward, type LinearPipelines } from "../../layers/linear.js";
import type { LinearWeights } from "../../layers/weights.js";
import { listRows, RowRoom, type RowSteps } from "../../model/row-head.js";
import { presumedChoice } from "../../tuning/presumed.js";
import type { DenseModule } from "../load/sentence-files.js";

export interface VectorOptions {
  /** Poolings that are joined, and how wide each is. */
  readonly parts: { readonly count: number; readonly width: number };
  readonly dense: readonly DenseModule[];
  /** The numbers that are kept. */
  readonly dimensions: number;
  readonly normalizes: boolean;
}

export function vectorSteps({ parts, dense, dimensions, normalizes }: VectorOptions): RowSteps {
  return {
    width: dimensions,
    async prepare(queue) {
      const [pipelines, weights, plain, tanh] = await Promise.all([
        dense.length > 0 ? linearPipelines(queue) : undefined,
        uploadDense(queue, dense),
        queue.pipelines.get(finishVariant(Activation.none)),
        queue.pipelines.get(finishVariant(TANH)),
      ]);
      return (list, arena, X, { count }) => {
        const room = new RowRoom(arena);
        let own = X;
        let ownParts = parts;
        const finish = (
          width: number,
          options: { readonly isTanh?: boolean; readonly normalises?: boolean },
        ) => {
          const { isTanh = false, normalises = false } = options;
          const Y = room.next(count, Math.ceil(width / 4));
          finishRows(list, isTanh ? tanh : plain, {
            X: own,
            Y,
            rowCount: count,
            parts: ownParts,
            width,
            normalises,
          });
          own = Y;
          ownParts = { count: 1, width };
        };
        // Parts that are padded by themselves are not one row yet.
        if (dense.length > 0 && parts.count > 1 && parts.width % 4 !== 0)
          finish(parts.count * parts.width, {});
        for (const [index, { outputs, isTanh }] of dense.entries()) {
          const Y = room.next(count, Math.ceil(outputs / 4));
          const product = { X: own, Y, rows: listRows(queue, count), weights: weights[index]! };
          linearForward(list, pipelines!, { ...product, isCompact: true });
          own = Y;
          ownParts = { count: 1, width: outputs };
          if (isTanh) finish(outputs, { isTanh });
        }
        finish(dimensions, { normalises: normalizes });
        return own;
      };
    },
  };
}

async function linearPipelines(queue: Queue): Promise<LinearPipelines> {
  const { few, many } = presumedChoice(queue.adapter, "f32").linear;
  const compile = (kernel: LinearKernel): Promise<LinearPipelines["few"]> =>
    queue.pipelines.get(
      (fitsDevice(kernel.needs, queue.device) ? kernel : registerTiledLinear).variant(
        Activation.none,
        "f32",
        rowOutput,
      ),
    );
  const [own, others] = await Promise.all([compile(few), compile(many)]);
  return { few: own, many: others };
}

/** Dense modules that are on a queue. They stay as long as it. */
const uploaded = new WeakMap<Queue, Map<DenseModule, LinearWeights>>();

async function uploadDense(queue: Queue, dense: readonly DenseModule[]): Promise<readonly LinearWeights[]> {
  const known = uploaded.get(queue) ?? new Map<DenseModule, LinearWeights>();
  uploaded.set(queue, known);
  const missing = dense.filter((module) => !known.has(module));
  if (missing.length > 0)
    try {
      await queue.checked(() => {
        for (const module of missing) known.set(module, upload(queue, module));
      });
    } catch (error) {
      // There was no room. The next call tries again.
      for (const module of missing) known.delete(module);
      throw error;
    }
  return dense.map((module) => known.get(module)!);
}

function upload(queue: Queue, { inputs, outputs, weight, bias }: DenseModule): LinearWeights {
  const [inputVectors, outputVectors] = [Math.ceil(inputs / 4), Math.ceil(outputs / 4)];
  const stride = 4 * outputVectors;
  // (inputs/4, outputs, 4), as products read a matrix.
  const placed = new Float32Array(4 * inputVectors * stride);
  for (let output = 0; output < outputs; output++)
    for (let input = 0; input < inputs; input++)
      placed[4 * (Math.floor(input / 4) * stride + output) + (input % 4)] = weight[output * inputs + input]!;
  const biases = new Float32Array(stride);
  if (bias) biases.set(bias);
  return {
    format: "f32",
    weight: create(queue, "weight", placed),
    bias: create(queue, "bias", biases),
    inputVectors,
    outputVectors,
    firstVector: 0,
  };
}

function create(queue: Queue, name: string, values: Float32Array<ArrayBuffer>): GpuBuffer {
  const buffer = queue.createBuffer(
    `dense.${name}`,
    values.byteLength,
    BufferUsage.storage | BufferUsage.copyTarget,
  );
  queue.device.queue.writeBuffer(buffer.raw, 0, values);
  return buffer;
}
