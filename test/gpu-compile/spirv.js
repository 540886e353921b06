// Has Dawn print the SPIR-V of every kernel variant, in a process of its own: `node spirv.js MATCH ELEMENT HEADS` prints.
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { root, run } from "./driver.js";

const self = fileURLToPath(import.meta.url);
const MARK = "@@@ ";

/** What only promises something to the driver is unknown to Debian's assembler. */
const isKnown = (line) => !/MaximallyReconverges|maximal_reconvergence/.test(line);

/** Yields each variant with its SPIR-V assembly, or why there is none. */
export function* dumpVariants({ lavapipe }, { match, element, head }) {
  const { stdout, stderr } = run(process.execPath, [self, match, element, head], {
    VK_ICD_FILENAMES: lavapipe.icd,
    LD_LIBRARY_PATH: lavapipe.libraries,
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
  });
  const parts = stdout.split(MARK).slice(1);
  if (parts.length === 0) throw new Error(`no variant matches, or Dawn did not start: ${stderr.slice(-500)}`);
  for (const part of parts) {
    const [first = "", ...rest] = part.split("\n");
    const { kernel, isForGpus } = JSON.parse(first);
    const dumped = /\/\* Dumped SPIRV disassembly \*\/\n([\s\S]*)/.exec(part)?.[1];
    if (!dumped) yield { kernel, isForGpus, failure: rest.join(" ").trim().slice(0, 200) };
    if (dumped)
      yield {
        kernel,
        isForGpus,
        assembly: dumped
          .split(/^\/\/ Dumped/m)[0]
          .split("\n")
          .filter(isKnown)
          .join("\n"),
      };
  }
}

async function print(match, element, head) {
  const { createServer } = await import("vite");
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "error",
    appType: "custom",
    server: { middlewareMode: true, hmr: false, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  const { listVariants, isForGpus } = await server.ssrLoadModule("/src/kernels/variants.ts");
  const { PipelineCache } = await server.ssrLoadModule("/src/gpu/pipelines.ts");
  // Kept until the end: Dawn ends with it.
  const gpu = create(["enable-dawn-features=dump_shaders"]);
  const adapter = await gpu.requestAdapter();
  const { limits, features } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: ["shader-f16", "subgroups"].filter((name) => features.has(name)),
    requiredLimits: {
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    },
  });
  const cache = new PipelineCache(device);
  const wanted = new RegExp(match);
  for (const variant of listVariants(element, head.split(",").map(Number))) {
    if (!wanted.test(variant.key)) continue;
    console.log(`${MARK}${JSON.stringify({ kernel: variant.key, isForGpus: isForGpus(variant) })}`);
    try {
      await cache.get(variant);
    } catch (error) {
      console.log(`did not compile: ${error.message}`);
    }
  }
  // Dawn's threads would keep the process.
  process.exit(gpu ? 0 : 1);
}

if (process.argv[1] === self) await print(...process.argv.slice(2));
