// model.safetensors.index.json: which file of a model in several files (shards) holds which tensor.
import { FormatError } from "../errors.js";
import { isRecord, showJson } from "../util/json-value.js";

/** The index file's name. */
export const shardIndexName = "model.safetensors.index.json";

/** The tensors each shard must hold, by file name, in the order of the file names. @throws FormatError. */
export function parseShardIndex(index: unknown): Map<string, string[]> {
  const weightMap = isRecord(index) ? index["weight_map"] : undefined;
  if (!isRecord(weightMap) || Object.keys(weightMap).length === 0) {
    failIndex(
      `weight_map: expected an object of tensor names and file names, received ${showJson(weightMap)}`,
    );
  }
  const shards = new Map<string, string[]>();
  for (const [tensor, file] of Object.entries(weightMap)) {
    // Only files beside the index: an index must not lead out of its folder.
    if (typeof file !== "string" || !/^[^/\\?#:]+\.safetensors$/.test(file)) {
      failIndex(
        `weight_map: expected the name of a .safetensors file for ${tensor}, received ${showJson(file)}`,
      );
    }
    const tensors = shards.get(file);
    if (tensors) tensors.push(tensor);
    else shards.set(file, [tensor]);
  }
  return new Map([...shards].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function failIndex(problem: string): never {
  throw new FormatError({ file: shardIndexName, problem, remedy: "Download or export the model again." });
}
