// Finds WebGPU: the browser's, or in Node that of the optional package "webgpu" (Dawn).
import { DeviceError } from "../errors.js";

/** The browser's GPU object, or Dawn's in Node. Throws DeviceError ("no-webgpu"). */
export async function findGpu(): Promise<GPU> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu ?? (await importDawn());
  if (gpu) return gpu;
  throw new DeviceError({
    reason: "no-webgpu",
    problem: "This environment has no WebGPU (navigator.gpu is undefined)",
    remedy:
      "Use a browser with WebGPU (Chrome or Edge 113+, Safari 26+, Firefox 141+) on a page from https: or localhost; " +
      'in Node, install the npm package "webgpu" beside weft.',
  });
}

let dawn: Promise<GPU | undefined> | undefined;

/** Dawn's GPU object, the same one for every caller, as it must outlive its devices. Undefined outside Node. */
function importDawn(): Promise<GPU | undefined> {
  dawn ??= (async () => {
    if (typeof process !== "object" || !process.versions?.node) return undefined;
    // A variable hides the name from bundlers: a page must neither contain this package nor fail to resolve it.
    const name = "webgpu";
    try {
      const dawnModule = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as {
        create(flags: string[]): GPU;
      };
      return dawnModule.create([]);
    } catch {
      return undefined;
    }
  })();
  return dawn;
}
