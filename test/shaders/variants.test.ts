// Every shader and variant compiles, on Chrome's own WGSL compiler without a GPU, and is what its definition says.
import { describe, expect, it } from "vitest";
import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";
import { create } from "webgpu";
import {
  preludeOf,
  paramsSizeBytes,
  type KernelDefinition,
  type KernelVariant,
} from "../../src/gpu/kernel.js";
import { PipelineCache } from "../../src/gpu/pipelines.js";
import { listVariants } from "../../src/kernels/variants.js";

// Outlives its devices: the process ends abruptly when it is collected before them.
const nullGpu = create(["backend=null"]);

const headVectors = [2, 4, 12, 16, 20];
const lists = (["f32", "f16", "packed-f16"] as const).map((element) => listVariants(element, headVectors));
const variants = lists.flat();
const files = import.meta.glob<string>("../../shaders/*/*.wgsl", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** What is no kernel of weft's: src/jobs/gpu-check measures with it what an adapter reaches. */
const gauges = Object.fromEntries(Object.entries(files).filter(([path]) => path.includes("/gauge/")));

describe("every kernel variant", () => {
  it("compiles, with f32, f16 and packed f16 weights", async () => {
    const adapter = await nullGpu.requestAdapter();
    const device = await adapter!.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] });
    const cache = new PipelineCache(device);
    const most = device.limits.maxStorageBuffersPerShaderStage;
    for (const variant of variants) {
      if (Object.keys(variant.definition.bindings).length <= most) await cache.get(variant);
      else {
        // Adapters that have no more buffers are not given these, and this one is one of them: it compiles the shader alone.
        const module = device.createShaderModule({ code: preludeOf(variant) + variant.definition.source });
        expect((await module.getCompilationInfo()).messages, variant.key).toEqual([]);
      }
    }
    expect(variants.length).toBeGreaterThan(50);
  });

  it("has a key of its own: only those that ignore the element type are in several lists", () => {
    for (const list of lists) expect(new Set(list.map(({ key }) => key)).size).toBe(list.length);
    const codes = new Map<string, string>();
    for (const variant of variants) {
      const code = preludeOf(variant) + variant.definition.source;
      expect(codes.get(variant.key) ?? code, variant.key).toBe(code);
      codes.set(variant.key, code);
    }
  });

  it("has an element type where its shader reads weights as T, and only there", () => {
    for (const variant of variants) {
      const code = [...variant.definition.common, variant.definition.source].join("\n");
      expect(variant.element !== undefined, variant.key).toBe(
        /\bWeightVector\b/.test(code.replaceAll(/\/\/.*/g, "")),
      );
    }
  });

  it("belongs to a shader file, and every shader file to a variant, or is one that measures an adapter", () => {
    const used = new Set(variants.flatMap(({ definition }) => [definition.source, ...definition.common]));
    for (const source of Object.values(gauges)) used.add(source);
    for (const [path, source] of Object.entries(files)) expect(used, path).toContain(source);
    expect(used.size).toBe(Object.keys(files).length);
  });
});

describe("every shader that measures an adapter", () => {
  it.each(Object.entries(gauges))("%s compiles as it stands", async (_, code) => {
    const adapter = await nullGpu.requestAdapter();
    const device = await adapter!.requestDevice();
    const compute = { module: device.createShaderModule({ code }), entryPoint: "main" };
    await device.createComputePipelineAsync({ layout: "auto", compute });
  });
});

describe("every shader", () => {
  it("gives the variables of its loops a value: Dawn on Vulkan zeroes those without only once", () => {
    for (const [path, source] of Object.entries(files)) {
      // The body of a function is indented by two, that of a loop by more.
      const unset = source.match(/^ {4,}var \w+: [^=]*;/gm) ?? [];
      expect(unset, path).toEqual([]);
    }
  });
});

/** One variant of each kernel and list of bindings. */
const definitions = new Map<string, KernelVariant>(
  variants.map((variant) => {
    const { name, bindings } = variant.definition;
    return [[name, ...Object.keys(bindings)].join(" "), variant];
  }),
);

describe.each([...definitions])("the definition of %s", (_, variant) => {
  const { definition } = variant;
  const reflected = new WgslReflect(preludeOf(variant) + definition.source);

  it("names the shader's bindings in order, with their access", () => {
    const storage = reflected.storage.map(({ name, binding, access }) => ({ name, binding, access }));
    expect(storage.toSorted((a, b) => a.binding - b.binding)).toEqual(
      Object.entries(definition.bindings).map(([name, access], index) => ({
        name,
        binding: index + 1,
        access: access === "read" ? "read" : "read_write",
      })),
    );
    expect(reflected.uniforms.map(({ name, binding }) => ({ name, binding }))).toEqual([
      { name: "params", binding: 0 },
    ]);
  });

  it("names the fields of Params in order, each of 4 bytes", () => {
    const params = reflected.structs.find(({ name }) => name === "Params")!;
    const fields = params.members.map(({ name, type, offset }) => ({ name, type: type.name, offset }));
    expect(fields).toEqual(expectedFields(definition));
    expect(paramsSizeBytes(definition)).toBeGreaterThanOrEqual(params.size);
  });

  it("is called main", () => {
    expect(reflected.entry.compute.map(({ name }) => name)).toEqual(["main"]);
  });
});

function expectedFields(definition: KernelDefinition): { name: string; type: string; offset: number }[] {
  return Object.entries(definition.params).map(([name, type], index) => ({ name, type, offset: 4 * index }));
}
