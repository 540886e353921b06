// What kernel families ask of an adapter, and what is remembered of measuring them.
import { afterEach, describe, expect, it, vi } from "vitest";
import { attentionFamilies, linearFamilies } from "../../src/kernels/registry.js";
import { fitsLimits } from "../../src/kernels/workgroup-needs.js";
import type { KernelPicks } from "../../src/model/choose-kernels.js";
import { recallKernels, rememberKernels } from "../../src/runtime/known-kernels.js";

/** The least that WebGPU allows an adapter to have. */
const coreLimits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
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

describe("a family's needs", () => {
  it("are met by every adapter, for heads of usual widths", () => {
    for (const { needs } of linearFamilies) expect(fitsLimits(needs, coreLimits)).toBe(true);
    for (const family of attentionFamilies)
      for (const headVectors of [1, 16, 20, 32, 64])
        expect(fitsLimits(family.needs({ headVectors, isCausal: true }), coreLimits), family.name).toBe(true);
  });

  it("grow with the width of heads where keys are kept in workgroup memory", () => {
    const wide = { headVectors: 256, isCausal: true };
    const fitting = attentionFamilies.filter((family) => fitsLimits(family.needs(wide), coreLimits));
    expect(fitting.map(({ name }) => name)).toEqual(["register-tiled", "few-row"]);
  });

  it("are not met by adapters with less", () => {
    const limits = { ...coreLimits, maxComputeInvocationsPerWorkgroup: 128 };
    const fitting = linearFamilies.filter(({ needs }) => fitsLimits(needs, limits));
    expect(fitting.map(({ name }) => name)).toEqual(["register-tiled", "few-row", "workgroup-32x64"]);
    const needs = { invocations: 1, bytes: 16385 };
    expect(fitsLimits(needs, coreLimits)).toBe(false);
  });
});

describe("what was measured", () => {
  const pick = { family: "a", microseconds: { a: 1, b: 2 }, dropped: {} };
  const picks: KernelPicks = {
    linear: { few: pick, many: pick },
    attention: { few: pick, many: pick },
  };
  afterEach(() => vi.unstubAllGlobals());

  it("is remembered without a page", () => {
    expect(recallKernels("alone")).toBeUndefined();
    rememberKernels("alone", picks);
    expect(recallKernels("alone")).toEqual(picks);
  });

  it("is remembered by pages for pages to come", () => {
    const stored = new Map<string, string>();
    useStorage(stored);
    rememberKernels("page", picks);
    const [text] = stored.values();
    stored.set("next page", text!);
    expect(recallKernels("next page")).toEqual(picks);
  });

  it.each(["", "no JSON", "null", "{}", '{"linear":{"few":{"microseconds":{"a":"1"}}}}'])(
    "is measured again where the storage holds %j",
    (text) => {
      useStorage(new Map([["damaged", text]]));
      expect(recallKernels("damaged")).toBeUndefined();
    },
  );

  it("needs no storage that may be used", () => {
    vi.stubGlobal("document", {});
    vi.stubGlobal("localStorage", undefined);
    expect(recallKernels("none")).toBeUndefined();
    vi.stubGlobal("localStorage", { getItem: forbid, setItem: forbid });
    expect(recallKernels("forbidden")).toBeUndefined();
    rememberKernels("forbidden", picks);
    expect(recallKernels("forbidden")).toEqual(picks);
  });
});
