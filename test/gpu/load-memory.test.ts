// What a load takes at its highest: of the host, which passes pieces on, and of the GPU, which gets the weights and little else.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { writeGguf } from "../../src/cli/bench/made-up/gguf-writer.js";
import { smol } from "../../src/cli/bench/made-up/decoder.js";
import { Model } from "../../src/runtime/model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const folder = mkdtempSync(join(tmpdir(), "weft-memory-"));
afterAll(() => rmSync(folder, { recursive: true }));

const MiB = 2 ** 20;

/** Counts the bytes of the buffers of all devices: now, and at their most. */
function countBuffers(watched: WatchedGpu): { now: number; peak: number } {
  const bytes = { now: 0, peak: 0 };
  watched.onDevice = (device) => {
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      let isThere = true;
      bytes.now += descriptor.size;
      bytes.peak = Math.max(bytes.peak, bytes.now);
      buffer.destroy = () => {
        if (isThere) bytes.now -= descriptor.size;
        isThere = false;
        return destroy();
      };
      return buffer;
    };
  };
  return bytes;
}

it("passes a vocabulary of 28 million quantised weights in pieces, and holds it once, as it is in the file", async () => {
  const shape = { ...smol, layers: 1 };
  const path = join(folder, "large.gguf");
  writeFileSync(path, writeGguf(shape, "Q4_1", 1));
  const watched = await WatchedGpu.create();
  const buffers = countBuffers(watched);
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  const onProgress = (): void => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  };
  await using model = await Model.load(path, { gpu: watched.gpu, queues: 1, onProgress });
  // In float32 the vocabulary alone takes 108 MiB. A piece of the file has at most 32, once more as the GPU's words.
  expect(peak).toBeGreaterThan(MiB);
  expect(peak).toBeLessThan(90 * MiB);
  const { weightBytes } = model.info;
  // 6 bits a weight.
  expect(weightBytes).toBeLessThan(0.76 * (28_311_552 + 3_538_944));
  expect(buffers.now).toBeGreaterThan(weightBytes);
  expect(buffers.peak).toBeLessThan(weightBytes + 16 * MiB);
});
