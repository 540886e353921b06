// `weft bench --self-check`: the half that checks, in a page or in this process.
import { checkGpu } from "../../../jobs/gpu-check/check.js";
import type { GpuReport } from "../../../jobs/gpu-check/report.js";
import type { CaseResult, Report } from "../case.js";

export interface SelfCheckRequest {
  readonly version: string;
  readonly quick: boolean;
}

export async function runSelfCheck(
  { version, quick }: SelfCheckRequest,
  onProgress: Report,
): Promise<CaseResult & { readonly document: GpuReport }> {
  const inBrowser = (globalThis.navigator as Navigator | undefined)?.gpu;
  const gpu = inBrowser ?? (await openDawn());
  const runtime = inBrowser ? navigator.userAgent : `Node ${process.version} with Dawn`;
  const document = await checkGpu({ gpu, version, runtime, isQuick: quick, onProgress });
  const { vendor, architecture, device, description, isSoftware } = document.adapter;
  const has = (feature: string): boolean => document.features.includes(feature);
  return {
    adapter: {
      vendor,
      architecture,
      device,
      description,
      isSoftware: isSoftware ?? false,
      hasTimestamps: has("timestamp-query"),
      hasShaderF16: has("shader-f16"),
      hasSubgroups: has("subgroups"),
    },
    checks: [],
    measurements: [],
    document,
  };
}

async function openDawn(): Promise<GPU> {
  // A variable hides the name from bundlers: the module for a page must not contain this package.
  const name = "webgpu";
  const dawnModule = (await import(/* @vite-ignore */ name)) as { create(flags: string[]): GPU };
  dawn ??= dawnModule.create([]);
  return dawn;
}

/** Kept, as it must outlive its devices. */
let dawn: GPU | undefined;
