// Reads a float32 safetensors file in the plainest way: a second opinion on src/weights, sharing nothing with it.
import { readFileSync } from "node:fs";

/** The tensors of the file at `path`, by their names in it. */
export function readSafetensors(path: string): Map<string, Float32Array> {
  const file = readFileSync(path);
  const dataBegin = 8 + Number(file.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
    file.toString("utf8", 8, dataBegin),
  );
  const tensors = new Map<string, Float32Array>();
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (dtype !== "F32") throw new Error(`${path}: ${name} is ${dtype}, and this reader knows F32 only`);
    const count = (offsets[1] - offsets[0]) / 4;
    tensors.set(
      name,
      Float32Array.from({ length: count }, (_, i) => file.readFloatLE(dataBegin + offsets[0] + 4 * i)),
    );
  }
  return tensors;
}
