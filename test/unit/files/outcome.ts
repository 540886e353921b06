// What reading a folder comes to: all its tensors, or the error.
import type { ModelFolder } from "../../../src/files/model-folder.js";
import { readTensors, type ReadOptions } from "../../../src/files/read-tensors.js";
import type { StoredTensor } from "../../../src/files/safetensors.js";

/** All items of a generator. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Every tensor of `folder`. */
export function readAll(folder: ModelFolder, options?: ReadOptions): Promise<StoredTensor[]> {
  return collect(readTensors(folder, options));
}

/** What `promise` is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const missing = new Error("the promise was fulfilled");
  const reason: unknown = await promise.then(
    () => missing,
    (error: unknown) => error,
  );
  if (reason === missing) throw missing;
  return reason;
}
