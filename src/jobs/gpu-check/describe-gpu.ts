// What WebGPU tells of an adapter, for the report of a check.
import type { AdapterReport } from "./report.js";

/** Subgroup sizes are missing in some browsers, and the flag was elsewhere in older ones. */
type AdapterInfo = Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description"> &
  Partial<Pick<GPUAdapterInfo, "subgroupMinSize" | "subgroupMaxSize" | "isFallbackAdapter">>;

const limitNames = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

export function describeInfo(info: AdapterInfo, isSoftware: boolean | null): AdapterReport {
  const { vendor, architecture, device, description } = info;
  return {
    vendor,
    architecture,
    device,
    description,
    subgroupMinSize: info.subgroupMinSize ?? null,
    subgroupMaxSize: info.subgroupMaxSize ?? null,
    isFallbackAdapter: info.isFallbackAdapter ?? null,
    isSoftware,
  };
}

export const listFeatures = ({ features }: Pick<GPUAdapter, "features">): string[] =>
  [...features].toSorted();

export function listLimits({ limits }: Pick<GPUAdapter, "limits">): Record<string, number> {
  return Object.fromEntries(limitNames.map((name) => [name, limits[name]]));
}
