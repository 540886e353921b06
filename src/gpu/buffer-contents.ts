// Reads whole buffers of floats to the host and writes them back, many at once. Checkpoints and exports use it.
import type { GpuBuffer } from "./buffer.js";
import type { Queue } from "./queue.js";
import { submitAndRead } from "./submit-and-read.js";

/** The most bytes that are on their way at once, so that reading needs little memory beside what is read. */
const READBACK_BYTES = 16 * 2 ** 20;

/** A part of a buffer, and where it goes among the values of that buffer. */
interface Part {
  readonly buffer: GpuBuffer;
  readonly values: Float32Array<ArrayBuffer>;
  readonly fromBytes: number;
  readonly sizeBytes: number;
}

/**
 * The contents of buffers, in their order. Nothing may write them meanwhile, as they are read one after the other.
 * Throws DeviceError ("out-of-memory") when there is no room for a readback; nothing is left allocated then.
 */
export async function readAll(
  queue: Queue,
  buffers: readonly GpuBuffer[],
): Promise<Float32Array<ArrayBuffer>[]> {
  const contents = buffers.map(({ sizeBytes }) => new Float32Array(sizeBytes / 4));
  for (const parts of groupParts(buffers, contents)) await readParts(queue, parts);
  return contents;
}

/** Cuts buffers into parts, and puts as many of them together as one readback holds. */
function groupParts(buffers: readonly GpuBuffer[], contents: readonly Float32Array<ArrayBuffer>[]): Part[][] {
  const groups: Part[][] = [];
  let room = 0;
  for (const [index, buffer] of buffers.entries())
    for (let fromBytes = 0; fromBytes < buffer.sizeBytes;) {
      if (room === 0) {
        groups.push([]);
        room = READBACK_BYTES;
      }
      const sizeBytes = Math.min(room, buffer.sizeBytes - fromBytes);
      groups.at(-1)!.push({ buffer, values: contents[index]!, fromBytes, sizeBytes });
      fromBytes += sizeBytes;
      room -= sizeBytes;
    }
  return groups;
}

async function readParts(queue: Queue, parts: readonly Part[]): Promise<void> {
  const total = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const bytes = await submitAndRead(queue, "buffers.read", total, (list, readback) => {
    for (const part of parts) readback.copy(list, part.buffer, part.fromBytes, part.sizeBytes);
  });
  let at = 0;
  for (const { values, fromBytes, sizeBytes } of parts) {
    values.set(new Float32Array(bytes, at, sizeBytes / 4), fromBytes / 4);
    at += sizeBytes;
  }
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
