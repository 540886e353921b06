// Writes and reads the state of a training run as one safetensors file: weights and optimizer state in the kernels' layout, and
// the run's position.
import { FormatError } from "../../errors.js";
import { parseHeader, type StoredTensor } from "../../files/safetensors.js";
import { writeSafetensors } from "../../files/safetensors-writer.js";
import type { DataPosition } from "./batches.js";

/** What a run needs besides its tensors to go on as if it had never stopped. */
export interface CheckpointState {
  /** Steps that are done. */
  readonly step: number;
  readonly seed: number;
  readonly position: DataPosition;
  readonly optimizer: string;
  /** The shape of the model. A checkpoint fits no other. */
  readonly shape: string;
}

const FORMAT = "weft training checkpoint 3";

export function writeCheckpoint(
  state: CheckpointState,
  tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
): Uint8Array<ArrayBuffer> {
  const stored = [...tensors].map(([name, values]): StoredTensor => ({
    name,
    dtype: "F32",
    shape: [values.length],
    bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  }));
  return writeSafetensors(stored, { format: FORMAT, state: JSON.stringify(state) });
}

/**
 * Reads a checkpoint and checks that it belongs to this model and optimizer. `sizes` says how many numbers each tensor must have.
 * Throws FormatError.
 */
export function readCheckpoint(
  bytes: Uint8Array<ArrayBuffer>,
  expected: {
    readonly shape: string;
    readonly optimizer: string;
    /** Another seed would go on with data in another order. */
    readonly seed: number;
    readonly sizes: ReadonlyMap<string, number>;
  },
): { readonly state: CheckpointState; readonly tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>> } {
  const file = "checkpoint";
  const remedy = "Resume with the checkpoint, model, optimizer and seed of one run.";
  const header = parseHeader(bytes, file, bytes.byteLength);
  const { metadata } = header;
  if (metadata["format"] !== FORMAT) {
    throw new FormatError({
      file,
      problem: `expected "${FORMAT}", received ${JSON.stringify(metadata["format"])}`,
      remedy,
    });
  }
  const state = JSON.parse(metadata["state"] ?? "null") as CheckpointState;
  for (const key of ["shape", "optimizer", "seed"] as const)
    if (state[key] !== expected[key]) {
      throw new FormatError({
        file,
        problem: `${key}: expected ${expected[key]}, received ${state[key]}`,
        remedy,
      });
    }
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [name, size] of expected.sizes) {
    const entry = header.tensors.get(name);
    if (!entry || entry.end - entry.begin !== 4 * size) {
      throw new FormatError({
        file,
        problem: `expected tensor ${name} of ${size} numbers, received none such`,
        remedy,
      });
    }
    const from = header.dataOffset + entry.begin;
    tensors.set(name, new Float32Array(bytes.slice(from, from + 4 * size).buffer));
  }
  return { state, tensors };
}
