// Small models with random weights, and what the field's own implementation computes of them in float64.
import { parseHeader } from "../../src/files/safetensors.js";
import type { ModelParts } from "../../src/files/source.js";
import { readBytes, readJson } from "./data-files.js";

type Tensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

export interface Oracle {
  /** The model with each form of its config.json: that of transformers 5, and that of published files. */
  readonly forms: readonly [ModelParts, ModelParts];
  /** Token ids, ragged. */
  readonly sentences: readonly number[][];
  /** Continuations of the first sentences. */
  readonly greedy: readonly { readonly tokens: readonly number[] }[];
  /** The mean cross entropy over every next token of every sentence. */
  readonly loss: number;
  /** logits.i of sentence i, (T, V); hidden.i, (T, C). */
  readonly expected: Tensors;
}

export async function readOracle(folder: string): Promise<Oracle> {
  const json = async <T>(name: string): Promise<T> => (await readJson<T>(`${folder}/${name}`))!;
  const weights = await readBytes(`${folder}/model.safetensors`);
  const form = async (name: string): Promise<ModelParts> => ({ config: await json<object>(name), weights });
  const { sentences, greedy, loss } =
    await json<Pick<Oracle, "sentences" | "greedy" | "loss">>("expected.json");
  return {
    forms: [await form("config.json"), await form("config.v4.json")],
    sentences,
    greedy,
    loss,
    expected: await readTensorFile(`${folder}/expected.safetensors`),
  };
}

/** The float32 tensors of a file, by name. */
export async function readTensorFile(location: string): Promise<Tensors> {
  return tensorsOf(await readBytes(location));
}

export function tensorsOf(file: Uint8Array<ArrayBuffer>): Tensors {
  const { tensors, dataOffset } = parseHeader(file, "tensors");
  return new Map(
    [...tensors].map(([name, { begin, end }]) => [
      name,
      new Float32Array(file.slice(dataOffset + begin, dataOffset + end).buffer),
    ]),
  );
}

/** The largest difference within a row, in units of the root mean square of what is expected of that row. */
export function largestRowError(actual: Float32Array, expected: Float32Array, width: number): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let row = 0; row < expected.length; row += width) {
    const own = expected.subarray(row, row + width);
    const size = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / width);
    for (let at = 0; at < width; at++) {
      const error = Math.abs(actual[row + at]! - own[at]!) / size;
      // NaN counts as the largest error.
      largest = Number.isNaN(error) ? Infinity : Math.max(largest, error);
    }
  }
  return largest;
}
