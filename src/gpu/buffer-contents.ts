// Reads whole buffers of floats to the host and writes them back, many at once. Checkpoints and exports use it.
import type { GpuBuffer } from "./buffer.js";
import { CommandList } from "./command-list.js";
import type { Queue } from "./queue.js";
import { Readback } from "./readback.js";

/** The contents of buffers, in their order. */
export async function readAll(
  queue: Queue,
  buffers: readonly GpuBuffer[],
): Promise<Float32Array<ArrayBuffer>[]> {
  const list = new CommandList(queue);
  const readbacks = buffers.map((buffer) => {
    const readback = new Readback(queue, buffer.sizeBytes);
    readback.copy(list, buffer, 0, buffer.sizeBytes);
    return readback;
  });
  await queue.checked(() => list.submit("buffers.read"));
  return Promise.all(readbacks.map(async (readback) => new Float32Array(await readback.read())));
}

/** Writes buffers, in their order. Ordered with submissions. */
export function writeAll(
  queue: Queue,
  buffers: readonly GpuBuffer[],
  values: readonly Float32Array<ArrayBuffer>[],
): void {
  for (const [index, buffer] of buffers.entries())
    queue.device.queue.writeBuffer(buffer.raw, 0, values[index]!);
}
