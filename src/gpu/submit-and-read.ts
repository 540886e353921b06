// Runs commands whose results are read at once.
import { CommandList } from "./command-list.js";
import type { Queue } from "./queue.js";
import { Readback } from "./readback.js";

/**
 * Submits what `encode` adds to the list, and returns what it copies to the readback of `sizeBytes`. Throws DeviceError
 * ("out-of-memory") when there is no room for that; nothing is left allocated then.
 */
export async function submitAndRead(
  queue: Queue,
  label: string,
  sizeBytes: number,
  encode: (list: CommandList, readback: Readback) => void,
): Promise<ArrayBuffer> {
  let readback: Readback | undefined;
  await queue.checked(() => {
    readback = new Readback(queue, sizeBytes);
    const list = new CommandList(queue);
    encode(list, readback);
    list.submit(label);
  });
  return readback!.read();
}
