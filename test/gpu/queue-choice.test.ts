// How many queues a model is loaded on where that is left open: two only where measuring has shown that they are worth it.
import { afterEach, describe, expect, it, vi } from "vitest";
import { CancelledError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import { remember } from "../../src/tuning/remembered.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { rejection } from "../helpers/rejection.js";
import { makeSentences, makeTinyModel, type TinyModel } from "../helpers/tiny-model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

/** Figures are remembered by shape: every test has one of its own. */
let contextLength = 24;
const freshModel = (): TinyModel => makeTinyModel({ contextLength: contextLength++ });

const sentences = makeSentences(4, 5, 24, 13);

/** Loads, answers what was chosen and the logits' bits, and disposes. */
async function load(
  tiny: TinyModel,
  options: LoadOptions,
): Promise<{ model: Model; opened: number; bits: Uint32Array[] }> {
  const watched = await WatchedGpu.create();
  const model = await Model.load(tiny.parts, { gpu: watched.gpu, ...options });
  const { logits } = await model.forward(sentences);
  model.dispose();
  await watched.allClosed();
  expect(model.memory().every(({ buffers }) => buffers === 0)).toBe(true);
  const bits = logits.map((own) => new Uint32Array(own.buffer, own.byteOffset, own.length));
  return { model, opened: watched.devices.length, bits };
}

/** The key under which the gain of this shape is kept, once it was measured. */
async function measure(tiny: TinyModel): Promise<string> {
  const keys: string[] = [];
  if (typeof document === "undefined") vi.stubGlobal("document", {});
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: (key: string) => keys.push(key) });
  await load(tiny, { tune: true });
  vi.unstubAllGlobals();
  return keys.find((key) => key.startsWith("weft.queues"))!;
}

afterEach(() => vi.unstubAllGlobals());

describe('queues: "auto"', () => {
  it("is one where nothing is measured", async () => {
    const { model, opened } = await load(freshModel(), { tune: false });
    expect(opened).toBe(1);
    expect(model.info.queues).toBe(1);
    expect(model.info.schedule).toEqual({ queues: "auto", sliceTokens: "auto" });
  });

  it("is what was measured, and a queue that is not worth it is closed", async () => {
    const tiny = freshModel();
    const untuned = await load(tiny, { tune: false });
    const { model, opened } = await load(tiny, { tune: true });
    expect(opened).toBe(2);
    // Nothing of what was measured with is left.
    expect(model.info.weightBytes).toBe(untuned.model.info.weightBytes);
    const { gain } = model.info.schedule;
    expect(gain!.small).toBeGreaterThan(0.2);
    expect(gain!.large).toBeGreaterThan(0.2);
    expect(model.info.queues).toBe(Math.max(gain!.small, gain!.large) >= 1.1 ? 2 : 1);
  });

  it("follows what is remembered, without a bit of difference", async () => {
    const tiny = freshModel();
    const key = await measure(tiny);
    remember(key, { small: 1, large: 1.02 });
    const one = await load(tiny, { tune: true });
    expect([one.opened, one.model.info.queues]).toEqual([1, 1]);
    remember(key, { small: 1.9, large: 2 });
    const two = await load(tiny, { tune: true });
    expect([two.opened, two.model.info.queues]).toEqual([2, 2]);
    expect(two.model.info.schedule.gain).toEqual({ small: 1.9, large: 2 });
    expect(two.bits).toEqual(one.bits);
  });

  it("is one where memory has no room for a second copy of the weights", async () => {
    const tiny = freshModel();
    const { model } = await load(tiny, { queues: 1 });
    const { opened } = await load(tiny, { tune: true, memoryBudgetBytes: 1.5 * model.info.weightBytes });
    expect(opened).toBe(1);
  });

  it("can be cancelled while it is measured", async () => {
    const watched = await WatchedGpu.create();
    const stop = new AbortController();
    watched.onDevice = () => {
      if (watched.devices.length === 2) stop.abort();
    };
    const options = { gpu: watched.gpu, tune: true, signal: stop.signal };
    expect(await rejection(Model.load(freshModel().parts, options))).toBeInstanceOf(CancelledError);
    await watched.allClosed();
  });
});

describe("a call that leaves its schedule open", () => {
  it("says what was chosen", async () => {
    using model = await Model.load(freshModel().parts, { queues: 2 });
    const { stats } = await model.forward(sentences);
    expect(stats.queues.length).toBe(2);
    expect(stats.placement).toBe("affine");
    expect(stats.sliceTokens).toBeGreaterThanOrEqual(1);
    const chosen = await model.forward(sentences, { queues: "auto" });
    expect(chosen.stats.queues.length).toBe(1);
    const brief = await model.forward(sentences, { gpuBudgetMs: 1e-6 });
    expect(brief.stats.sliceTokens).toBe(4);
    expect(brief.stats.submissions).toBeGreaterThan(chosen.stats.submissions);
    const told = await model.forward(sentences, { queues: 2, placement: "spread", sliceTokens: 3 });
    expect(told.stats).toMatchObject({ placement: "spread", sliceTokens: 3 });
    expect(told.logits).toEqual(chosen.logits);
  });
});
