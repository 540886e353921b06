// The linear layers of a step by themselves: what a step would take if all else cost nothing.
import { pickForRows } from "../../src/kernels/by-rows.js";
import { rowOutput } from "../../src/kernels/linear/output.js";
import { linearKernels } from "../../src/kernels/registry.js";
import { activationOf } from "../../src/layers/activation.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import { disposeLoaded, type LoadedModel } from "../../src/runtime/load/loaded-model.js";
import { elementTypeOf } from "../../src/model/pipelines.js";
import type { WeightFormat } from "../../src/tensor/formats.js";
import { linearSample } from "../../src/tuning/linear-sample.js";
import { SampleBuffers } from "../../src/tuning/sample.js";

/** Matrices of one shape and format. Widths are in vec4s. */
interface Product {
  readonly format: WeightFormat;
  readonly inputVectors: number;
  readonly outputVectors: number;
  /** How many of them a step multiplies with. */
  readonly count: number;
}

export class LinearsAlone {
  readonly #loaded: LoadedModel;
  readonly #products: readonly Product[];

  private constructor(loaded: LoadedModel) {
    this.#loaded = loaded;
    this.#products = productsOf(loaded);
  }

  static async load(source: string): Promise<LinearsAlone> {
    return new LinearsAlone(await loadModel(source, { queues: 1 }));
  }

  /** Floating point operations of a row: two per weight. */
  get flopsPerRow(): number {
    return this.#products.reduce(
      (sum, { inputVectors, outputVectors, count }) => sum + 32 * inputVectors * outputVectors * count,
      0,
    );
  }

  /** Milliseconds of all products with `rows` rows, each product timed by itself. */
  async time(rows: number): Promise<number> {
    const { config, info } = this.#loaded;
    const { queue } = this.#loaded.replicas[0]!;
    const picked = pickForRows(info.kernels.linear, rows).kernel;
    const kernel = linearKernels.find(({ name }) => name === picked)!;
    let ms = 0;
    for (const { format, inputVectors, outputVectors, count } of this.#products) {
      const element = elementTypeOf(queue, format);
      const variant = kernel.variant(activationOf[config.activation], element, rowOutput);
      const pipeline = await queue.pipelines.get(variant);
      const buffers = await SampleBuffers.create(
        queue,
        linearSample(rows, inputVectors, outputVectors, element),
      );
      try {
        ms += count * (await buffers.time([pipeline], Infinity, undefined));
      } finally {
        buffers.dispose();
      }
    }
    return ms;
  }

  dispose(): void {
    disposeLoaded(this.#loaded);
  }
}

/** Every matrix that a row of a step is multiplied with, those of the head included. */
function productsOf({ replicas, definition }: LoadedModel): readonly Product[] {
  const isTied = definition.recipe.head?.tied ?? false;
  const products = new Map<string, Product>();
  for (const { part, role, layout, inputs, pieces } of replicas[0]!.weights.parameters) {
    if (part !== "weight" || layout !== "interleaved" || !inputs) continue;
    if (role === "tokens" && !isTied) continue;
    for (const { stride, format } of pieces) {
      const own = { format, inputVectors: inputs.vectors, outputVectors: stride / 4 };
      const key = JSON.stringify(own);
      products.set(key, { ...own, count: (products.get(key)?.count ?? 0) + 1 });
    }
  }
  return [...products.values()];
}
