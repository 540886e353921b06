// Runs before every file of GPU tests of a short run: models get devices that are used again. See device-pool.ts.
import { findGpu } from "../../src/gpu/find-gpu.js";
import { isLongRun } from "./long-run.js";
import { poolDevices } from "./device-pool.js";

declare global {
  /** The entry point to devices of their own, where devices are pooled. */
  var realGpu: GPU | undefined;
}

if (!isLongRun() && !globalThis.realGpu) {
  const real = await findGpu().catch(() => undefined);
  if (real) {
    globalThis.realGpu = real;
    const gpu = poolDevices(real);
    if ("navigator" in globalThis && globalThis.navigator)
      Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
    else
      Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true, writable: true });
  }
}
