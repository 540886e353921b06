// The state of a training run as a checkpoint, and back: weights and optimizer state of all queues, which hold the same.
import type { GpuBuffer } from "../../gpu/buffer.js";
import { readAll, writeAll } from "../../gpu/buffer-contents.js";
import { readCheckpoint, writeCheckpoint, type CheckpointState } from "./checkpoint.js";
import type { LoadedModel } from "../load/loaded-model.js";
import type { TrainingSession } from "./session.js";

/** Reads weights and optimizer state back, and returns a checkpoint of them and `state`. */
export async function saveState(
  session: TrainingSession,
  state: CheckpointState,
): Promise<Uint8Array<ArrayBuffer>> {
  const named = namedBuffers(session.state);
  const values = await readAll(session.state.queue, [...named.values()]);
  return writeCheckpoint(state, new Map([...named.keys()].map((name, index) => [name, values[index]!])));
}

/**
 * Checks that a checkpoint fits the run, and writes it to all queues within `exclusive`.
 * @throws FormatError if it is of another model, optimizer or seed.
 */
export async function restoreState(
  session: TrainingSession,
  checkpoint: Uint8Array<ArrayBuffer>,
  expected: Pick<CheckpointState, "shape" | "optimizer" | "seed">,
  exclusive: <R>(update: () => Promise<R>) => Promise<R>,
): Promise<CheckpointState> {
  const sizes = new Map(
    [...namedBuffers(session.state)].map(([name, { sizeBytes }]) => [name, sizeBytes / 4]),
  );
  const { state, tensors } = readCheckpoint(checkpoint, { ...expected, sizes });
  await exclusive(async () => {
    for (const replica of session.replicas) {
      const named = namedBuffers(replica);
      writeAll(
        replica.queue,
        [...named.values()],
        [...named.keys()].map((name) => tensors.get(name)!),
      );
      await replica.queue.fence();
    }
  });
  return state;
}

/** Writes the weights of a checkpoint to all queues of the model that it was made of; nothing may read them meanwhile. */
export async function restoreWeights(
  { replicas }: LoadedModel,
  checkpoint: Uint8Array<ArrayBuffer>,
  expected: Pick<CheckpointState, "shape" | "optimizer" | "seed">,
): Promise<void> {
  const pieces = replicas[0]!.weights.trainable;
  const sizes = new Map(pieces.map(({ name, buffer }) => [name, buffer.sizeBytes / 4]));
  const { tensors } = readCheckpoint(checkpoint, { ...expected, sizes });
  for (const { queue, weights } of replicas) {
    const own = weights.trainable;
    writeAll(
      queue,
      own.map(({ buffer }) => buffer),
      own.map(({ name }) => tensors.get(name)!),
    );
    await queue.fence();
  }
}

/** Weights and optimizer state by the names they have in checkpoints. */
function namedBuffers({
  parameters,
  optimizer,
}: Pick<TrainingSession["state"], "parameters" | "optimizer">): Map<string, GpuBuffer> {
  const named = new Map<string, GpuBuffer>();
  for (const [index, { name, buffer }] of parameters.entries()) {
    named.set(name, buffer);
    for (const [moment, state] of optimizer.state[index]!.entries())
      named.set(`${name}.moment-${moment + 1}`, state);
  }
  return named;
}
