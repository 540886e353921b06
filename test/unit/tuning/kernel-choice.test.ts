// What kernels ask of an adapter, and what is remembered of measuring them.
import { afterEach, describe, expect, it, vi } from "vitest";
import { attentionKernels, halfLinearKernels, linearKernels } from "../../../src/kernels/registry.js";
import { fitsDevice } from "../../../src/kernels/workgroup-needs.js";
import type { KernelPicks } from "../../../src/tuning/choose.js";
import { presumedChoice } from "../../../src/tuning/presumed.js";
import { isKernelPicks } from "../../../src/tuning/known-kernels.js";
import { recall, remember } from "../../../src/tuning/remembered.js";

/** The least that WebGPU allows an adapter to have. */
const core = {
  limits: { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384 },
  features: new Set<string>(),
};

const useStorage = (stored: Map<string, string>): void => {
  vi.stubGlobal("document", {});
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
};

const forbid = (): never => {
  throw new Error("SecurityError");
};

const shape = { group: 1, isCausal: true, isCapped: false };

describe("a kernel's needs", () => {
  it("are met by every adapter, for heads of usual widths", () => {
    for (const { needs } of linearKernels) if (!needs.feature) expect(fitsDevice(needs, core)).toBe(true);
    for (const kernel of attentionKernels)
      for (const headVectors of [1, 16, 20, 32, 64])
        expect(fitsDevice(kernel.needs({ ...shape, headVectors }), core), kernel.name).toBe(true);
  });

  it("grow with the width of heads where keys are kept in workgroup memory", () => {
    const wide = { ...shape, headVectors: 256, group: 8 };
    const fitting = attentionKernels.filter((kernel) => fitsDevice(kernel.needs(wide), core));
    expect(fitting.map(({ name }) => name)).toEqual(["serial", "tiled"]);
  });

  it("are not met by adapters with less", () => {
    const small = { ...core, limits: { ...core.limits, maxComputeInvocationsPerWorkgroup: 128 } };
    const fitting = linearKernels.filter(({ needs }) => fitsDevice(needs, small));
    expect(fitting.map(({ name }) => name)).toEqual([
      "register-tiled",
      "few-row",
      "split",
      "tiled-32x64",
      "tiled-64x64",
      "tiled-64x128",
    ]);
    const needs = { invocations: 1, bytes: 16385 };
    expect(fitsDevice(needs, core)).toBe(false);
  });

  it("may be a feature, which only some adapters have", () => {
    const needing = linearKernels.filter(({ needs }) => needs.feature);
    expect(needing.map(({ name }) => name)).toEqual(["subgroup-128", "subgroup-256"]);
    for (const { needs } of [...needing, ...halfLinearKernels]) {
      expect(fitsDevice(needs, core)).toBe(false);
      expect(fitsDevice(needs, { ...core, features: new Set([needs.feature!]) })).toBe(true);
    }
  });

  it("are met by what is presumed to be fast, on every kind of adapter", () => {
    const adapter = { vendor: "", architecture: "", device: "", description: "", hasTimestamps: false };
    for (const isSoftware of [false, true])
      for (const hasSubgroups of [false, true])
        for (const hasShaderF16 of [false, true]) {
          const features = new Set([
            ...(hasSubgroups ? ["subgroups"] : []),
            ...(hasShaderF16 ? ["shader-f16"] : []),
          ]);
          for (const arithmetic of hasShaderF16 ? (["f32", "f16"] as const) : (["f32"] as const)) {
            const kind = { ...adapter, isSoftware, hasSubgroups, hasShaderF16 };
            const { few, many } = presumedChoice(kind, arithmetic).linear;
            for (const { needs } of [few, many]) expect(fitsDevice(needs, { ...core, features })).toBe(true);
          }
        }
  });
});

describe("what was measured", () => {
  const pick = { kernel: "a", microseconds: { a: 1, b: 2 }, dropped: {}, unmeasured: [] };
  const picks: KernelPicks = {
    linear: { few: pick, many: pick },
    attention: { few: pick, many: pick },
  };
  afterEach(() => vi.unstubAllGlobals());

  it("is remembered without a page", () => {
    expect(recall("alone", isKernelPicks)).toBeUndefined();
    remember("alone", picks);
    expect(recall("alone", isKernelPicks)).toEqual(picks);
  });

  it("is remembered by pages for pages to come", () => {
    const stored = new Map<string, string>();
    useStorage(stored);
    remember("page", picks);
    const [text] = stored.values();
    stored.set("next page", text!);
    expect(recall("next page", isKernelPicks)).toEqual(picks);
  });

  /** As records were before they told what was not measured. */
  const old = { few: { microseconds: {} }, many: { microseconds: {} } };
  const damaged = [
    '{"linear":{"few":{"microseconds":{"a":"1"}}}}',
    JSON.stringify({ linear: old, attention: old }),
  ];
  it.each(["", "no JSON", "null", "{}", ...damaged])(
    "is measured again where the storage holds %j",
    (text) => {
      useStorage(new Map([["damaged", text]]));
      expect(recall("damaged", isKernelPicks)).toBeUndefined();
    },
  );

  it("needs no storage that may be used", () => {
    vi.stubGlobal("document", {});
    vi.stubGlobal("localStorage", undefined);
    expect(recall("none", isKernelPicks)).toBeUndefined();
    vi.stubGlobal("localStorage", { getItem: forbid, setItem: forbid });
    expect(recall("forbidden", isKernelPicks)).toBeUndefined();
    remember("forbidden", picks);
    expect(recall("forbidden", isKernelPicks)).toEqual(picks);
  });
});
