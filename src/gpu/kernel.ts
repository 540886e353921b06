// A kernel is data: name, source, bindings, parameters and grid. Knows no device; `pipelines.ts` compiles it.
import type { GpuFormatName } from "../tensor/blocks/gpu-layout.js";

/** How a storage binding is used: input ("read") or output ("readWrite"). */
export type Access = "read" | "readWrite";

/** A parameter's WGSL type. Every parameter is a scalar of 4 bytes, so field i lies at byte 4·i. */
export type ParameterType = "u32" | "f32";

/**
 * Element type of stored weights. "f16" and "packed-f16" are the same bytes: the first reads them as f16, which needs the
 * feature shader-f16, the second as u32 of two, which needs nothing. "bf16" are two to a u32 too. The others are formats of
 * quantised blocks.
 */
export type ElementType = "f32" | "f16" | "packed-f16" | "bf16" | GpuFormatName;

/** What `alias T` stands for in WGSL. */
const elementTypes: Readonly<Partial<Record<ElementType, string>>> = {
  f32: "f32",
  f16: "f16",
  "packed-f16": "u32",
  bf16: "u32",
};

/** WGSL extensions that a shader enables. "f16" needs the device feature shader-f16. */
export type Extension = "f16" | "subgroups";

export type Constants = Readonly<Record<string, number | boolean>>;

export type Grid = readonly [x: number, y: number, z: number];

/** A kernel as data. `B` names its storage bindings in order (bindings 1…), `P` the fields of its Params in order. */
export interface KernelDefinition<B extends string = string, P extends string = string> {
  /** "<folder>.<stem>" of the shader file; the label of every pipeline made from it. */
  readonly name: string;
  readonly source: string;
  /** Whole fragments of shaders/common that are put in front. */
  readonly common: readonly string[];
  /** In addition to what the element type needs. */
  readonly extensions?: readonly Extension[];
  readonly bindings: Readonly<Record<B, Access>>;
  readonly params: Readonly<Record<P, ParameterType>>;
  /** The number of workgroups for given parameters. */
  grid(params: Readonly<Record<P, number>>, constants: Constants): Grid;
}

/** A definition with its prelude's values fixed: what a pipeline is compiled from. */
export interface KernelVariant<B extends string = string, P extends string = string> {
  readonly definition: KernelDefinition<B, P>;
  readonly constants: Constants;
  /** Only where the shader reads stored weights. */
  readonly element?: ElementType;
  /** Identifies the variant among all variants. */
  readonly key: string;
}

/** Fixes the prelude's constants (as u32 or bool) and, for a shader that reads stored weights as `T`, their element type. */
export function specialise<B extends string, P extends string>(
  definition: KernelDefinition<B, P>,
  constants: Constants,
  element?: ElementType,
): KernelVariant<B, P> {
  const values = Object.entries(constants).map(([name, value]) => `${name}=${value}`);
  return element === undefined
    ? { definition, constants, key: [definition.name, ...values].join(" ") }
    : { definition, constants, element, key: [definition.name, element, ...values].join(" ") };
}

/** The WGSL lines in front of the kernel's file: `enable`, `alias`, `const`, then the common fragments. */
export function preludeOf(variant: KernelVariant): string {
  const extensions = new Set(variant.definition.extensions);
  if (variant.element === "f16") extensions.add("f16");
  const alias = variant.element && elementTypes[variant.element];
  const lines = [
    ...Array.from(extensions, (name) => `enable ${name};`),
    ...(alias === undefined ? [] : [`alias T = ${alias};`]),
    ...Object.entries(variant.constants).map(([name, value]) =>
      typeof value === "boolean" ? `const ${name} = ${value};` : `const ${name} = ${value}u;`,
    ),
    ...variant.definition.common,
  ];
  return `${lines.join("\n")}\n`;
}

/** Size of the kernel's Params in bytes, padded as WGSL pads a uniform of scalars. */
export function paramsSizeBytes(definition: KernelDefinition): number {
  return Math.ceil((4 * Object.keys(definition.params).length) / 16) * 16;
}

/** Folds a one-dimensional grid into two dimensions beyond the limit that every adapter shares. */
export function foldGrid(workgroups: number): Grid {
  const limit = 65535;
  if (workgroups <= limit) return [workgroups, 1, 1];
  const rows = Math.ceil(workgroups / limit);
  return [Math.ceil(workgroups / rows), rows, 1];
}
