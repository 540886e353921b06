// Compiles kernel variants on one device, each once, and keeps the bind groups made for them.
import { ShaderError } from "../errors.js";
import type { GpuBuffer } from "./buffer.js";
import { COMPUTE_STAGE } from "./flags.js";
import { paramsSizeBytes, preludeOf, type KernelVariant, type ParameterType } from "./kernel.js";

/** A compiled variant. */
export interface Pipeline<B extends string = string, P extends string = string> {
  readonly variant: KernelVariant<B, P>;
  readonly raw: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Names of the definition, in order, as lists: every dispatch goes through them. */
  readonly bindingNames: readonly string[];
  readonly parameters: readonly (readonly [name: string, type: ParameterType])[];
}

/** What a variant, or a function that returns one, is compiled to. */
export type PipelineOf<V> =
  V extends KernelVariant<infer B, infer P>
    ? Pipeline<B, P>
    : V extends (...options: never[]) => KernelVariant<infer B, infer P>
      ? Pipeline<B, P>
      : never;

/** A range of a buffer. `offsetBytes` is a multiple of 256. */
export interface BufferRange {
  readonly buffer: GpuBuffer;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export type Bindable = GpuBuffer | BufferRange;

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  /** By variant, then by buffers. */
  readonly #bindGroups = new Map<string, Map<string, GPUBindGroup>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Compiles `variant`, or returns the pipeline compiled before. Throws ShaderError with the compiler's messages. */
  get<B extends string, P extends string>(variant: KernelVariant<B, P>): Promise<Pipeline<B, P>> {
    let pipeline: Promise<Pipeline<B, P>> | undefined = this.#pipelines.get(variant.key);
    if (!pipeline) {
      pipeline = compile(this.#device, variant);
      this.#pipelines.set(variant.key, pipeline);
    }
    return pipeline;
  }

  /**
   * The bind group of `pipeline` for these buffers, where a symbol stands for `tables`. Binding 0 is a window of `params`, moved by a
   * dynamic offset. Called for every dispatch: what it has to find is made of few short strings.
   */
  bindGroup(
    pipeline: Pipeline,
    params: GpuBuffer,
    tables: GpuBuffer,
    bindings: Readonly<Record<string, Bindable | symbol>>,
  ): GPUBindGroup {
    let key = `${params.id}`;
    for (const name of pipeline.bindingNames) {
      const given = bindings[name]!;
      const bound = typeof given === "symbol" ? tables : given;
      key +=
        "buffer" in bound ? `,${bound.buffer.id}@${bound.offsetBytes}+${bound.sizeBytes}` : `,${bound.id}`;
    }
    let groups = this.#bindGroups.get(pipeline.variant.key);
    if (!groups) this.#bindGroups.set(pipeline.variant.key, (groups = new Map()));
    let group = groups.get(key);
    if (!group) {
      group = this.#device.createBindGroup({
        label: pipeline.variant.definition.name,
        layout: pipeline.layout,
        entries: [
          {
            binding: 0,
            resource: { buffer: params.raw, size: paramsSizeBytes(pipeline.variant.definition) },
          },
          ...pipeline.bindingNames.map((name, index) => {
            const given = bindings[name]!;
            return { binding: index + 1, resource: resourceOf(typeof given === "symbol" ? tables : given) };
          }),
        ],
      });
      groups.set(key, group);
    }
    return group;
  }

  /** Drops all bind groups, because they keep their buffers alive. Call this after disposing buffers. */
  forgetBindGroups(): void {
    this.#bindGroups.clear();
  }
}

function resourceOf(bound: Bindable): GPUBufferBinding {
  return "buffer" in bound
    ? { buffer: bound.buffer.raw, offset: bound.offsetBytes, size: bound.sizeBytes }
    : { buffer: bound.raw };
}

async function compile(device: GPUDevice, variant: KernelVariant): Promise<Pipeline> {
  const { definition } = variant;
  const prelude = preludeOf(variant);
  const code = prelude + definition.source;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: definition.name, code });
  const layout = device.createBindGroupLayout({
    label: definition.name,
    entries: [
      {
        binding: 0,
        visibility: COMPUTE_STAGE,
        buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: paramsSizeBytes(definition) },
      },
      ...Object.values(definition.bindings).map((access, index) => ({
        binding: index + 1,
        visibility: COMPUTE_STAGE,
        buffer: { type: access === "read" ? ("read-only-storage" as const) : ("storage" as const) },
      })),
    ],
  });
  const pipelineLayout = device.createPipelineLayout({ label: definition.name, bindGroupLayouts: [layout] });
  // It may reject on a lost device. The loss itself is reported to everything that waits for the pipeline.
  const scope = device.popErrorScope().catch(() => null);
  try {
    const raw = await device.createComputePipelineAsync({
      label: definition.name,
      layout: pipelineLayout,
      compute: { module, entryPoint: "main" },
    });
    await scope;
    return {
      variant,
      raw,
      layout,
      bindingNames: Object.keys(definition.bindings),
      parameters: Object.entries(definition.params),
    };
  } catch (error) {
    const preludeLines = prelude.split("\n").length - 1;
    // On a lost device it rejects: then the loss, which is reported by itself, is the better reason.
    const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
    const lines = messages.map(
      (message) =>
        `${definition.name}:${message.lineNum - preludeLines}: ${message.type}: ${message.message}`,
    );
    const reason = (await scope)?.message ?? (error as Error).message;
    throw new ShaderError({
      kernel: definition.name,
      lines: lines.length > 0 ? lines : [reason],
      source: code,
    });
  }
}
