// Reads a mappable buffer to the host.
import type { GpuBuffer } from "./buffer.js";
import { MAP_READ } from "./flags.js";
import type { Queue } from "./queue.js";

/** Waits for the work on `buffer` (usage mapRead) and returns a copy of its first `sizeBytes`. */
export async function readBuffer(queue: Queue, buffer: GpuBuffer, sizeBytes: number): Promise<ArrayBuffer> {
  // A buffer that found no room is no news here: it was refused where it was created.
  queue.device.pushErrorScope("validation");
  const mapped = buffer.raw.mapAsync(MAP_READ, 0, sizeBytes);
  queue.device.popErrorScope().catch(() => undefined);
  await queue.guard(mapped.then(() => undefined));
  if (queue.failure) throw queue.failure; // it may have failed meanwhile, and the buffer may be gone
  const copy = buffer.raw.getMappedRange(0, sizeBytes).slice(0);
  buffer.raw.unmap();
  return copy;
}
