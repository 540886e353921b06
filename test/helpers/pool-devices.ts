// Runs before every file of GPU tests of a short run: models get devices that are used again. See device-pool.ts.
import { create } from "webgpu";
import { poolDevices } from "./device-pool.js";
import { isLongRun } from "./long-run.js";

declare global {
  /** The entry point to devices of their own, where devices are pooled. */
  var realGpu: GPU | undefined;
}

if (!isLongRun() && !globalThis.realGpu) {
  // Not by findGpu, which remembers what it found: no-webgpu.test.ts has it find nothing.
  globalThis.realGpu = create([]);
  const gpu = poolDevices(globalThis.realGpu);
  if ("navigator" in globalThis && globalThis.navigator)
    Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  else Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true, writable: true });
}
