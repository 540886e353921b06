// Which kernels a model uses: whichever they are, it gives the same bits; they are measured, remembered and verified.
import { afterEach, describe, expect, it, vi } from "vitest";
import { CancelledError, DeviceError } from "../../src/errors.js";
import type { AttentionKernel } from "../../src/kernels/attention/attention.js";
import type { LinearKernel } from "../../src/kernels/linear/linear.js";
import type { KernelVariant } from "../../src/gpu/kernel.js";
import { attentionKernels, linearKernels } from "../../src/kernels/registry.js";
import type { CandidateKernels } from "../../src/tuning/choose.js";
import { runForwardPass } from "../../src/runtime/passes/forward-pass.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import { Model } from "../../src/runtime/model.js";
import { saveModel } from "../../src/runtime/save-model.js";
import { TrainingRun } from "../../src/runtime/train/run.js";
import type { KernelPick } from "../../src/tuning/pick.js";
import type { LoadOptions, LoadProgress } from "../../src/runtime/load/load-options.js";
import type { ModelInfo } from "../../src/runtime/load/model-info.js";
import type { ModelParts } from "../../src/files/source.js";
import { rejection } from "../helpers/rejection.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";
import { unrecoverable } from "../helpers/unrecoverable.js";

const all: CandidateKernels = { linear: linearKernels, attention: attentionKernels };
const tiny = makeTinyModel();
const sentences = makeSentences(4, 5, 24, 13);

/** Loads with these kernels, and gives the logits of a batch and of one short sentence, as bits. */
async function run(
  kernels: CandidateKernels,
  options: LoadOptions = {},
): Promise<{ readonly bits: Uint32Array[]; readonly info: ModelInfo }> {
  const loaded = await loadModel(tiny.parts, options, kernels);
  const replica = loaded.replicas[0]!;
  try {
    const bits: Uint32Array[] = [];
    for (const batch of [sentences, sentences.slice(0, 1)]) {
      const { values } = await runForwardPass(loaded, {
        tokens: batch.map((ids) => Uint32Array.from(ids)),
        output: { kind: "all" },
        sliceTokens: 5,
        fence: "sentence",
        placement: "affine",
        queues: 1,
        gpuBudgetMs: undefined,
        trace: false,
        signal: undefined,
      });
      bits.push(...values.map((own) => new Uint32Array(own.buffer, own.byteOffset, own.length)));
    }
    return { bits, info: loaded.info };
  } finally {
    replica.arenas.trim();
    replica.disposeWeights();
    replica.queue.dispose();
    expect(replica.queue.memory).toMatchObject({ buffers: 0, bytes: 0 });
  }
}

/** Weights after two steps of training with these kernels, which begin with dispatches of few rows. */
async function train(kernels: CandidateKernels): Promise<Uint8Array> {
  const loaded = await loadModel(tiny.parts, {}, kernels);
  try {
    const training = new TrainingRun(
      {
        ...unrecoverable(loaded),
        encode: (own) => Promise.resolve(own as number[][]),
        evaluate: () => Promise.reject(new Error("nothing is held out")),
        exclusive: (update) => update(),
      },
      sentences,
      { steps: 2, batchTokens: 30, sliceTokens: 4 },
    );
    for await (const { loss } of training) expect(loss).toBeGreaterThan(0);
    return (await saveModel(loaded)).weights;
  } finally {
    loaded.replicas[0]!.disposeWeights();
    loaded.replicas[0]!.queue.dispose();
  }
}

/** The same under another key, with `replacement` for a piece of its shader or fragments. */
function changedVariant<V extends KernelVariant>(own: V, piece: string, replacement: string): V {
  const { source, common } = own.definition;
  expect([source, ...common].join("")).toContain(piece);
  const change = (text: string): string => text.replace(piece, replacement);
  const definition = { ...own.definition, source: change(source), common: common.map(change) };
  return { ...own, key: `changed ${replacement} ${own.key}`, definition };
}

function changed(kernel: LinearKernel, piece: string, replacement: string): LinearKernel {
  return {
    ...kernel,
    name: `changed-${kernel.name}`,
    variant: (...options) => changedVariant(kernel.variant(...options), piece, replacement),
  };
}

function changedAttention(kernel: AttentionKernel, piece: string, replacement: string): AttentionKernel {
  return {
    ...kernel,
    name: `changed-${kernel.name}`,
    stages: (options) => kernel.stages(options).map((stage) => changedVariant(stage, piece, replacement)),
  };
}

const [registerLinear, fewRowLinear] = linearKernels as [LinearKernel, LinearKernel];
const [registerAttention] = attentionKernels as [AttentionKernel];
const wrongLinear = changed(registerLinear, "sum + bias[column]", "sum - bias[column]");
const wrongAttention = changedAttention(registerAttention, "(*sums)[d] / total", "(*sums)[d]");
const brokenLinear = changed(registerLinear, "fn main", "fun main");

describe("every kernel", () => {
  it("gives a whole model the same bits", async () => {
    const { bits } = await run({ linear: [registerLinear], attention: [registerAttention] });
    for (const [index, linear] of linearKernels.entries()) {
      const attention = attentionKernels[index % attentionKernels.length]!;
      const other = await run({ linear: [linear], attention: [attention] });
      expect(other.info.kernels.linear.many.kernel).toBe(linear.name);
      expect(other.info.kernels.attention.few.kernel).toBe(attention.name);
      expect(other.bits, `${linear.name}, ${attention.name}`).toEqual(bits);
    }
  });
});

describe("training", () => {
  it("uses the model's kernels, and has the same bits with all of them", async () => {
    const weights = await train({ linear: [registerLinear], attention: [registerAttention] });
    for (const [index, linear] of linearKernels.entries()) {
      const attention = attentionKernels[index % attentionKernels.length]!;
      expect(await train({ linear: [linear], attention: [attention] }), linear.name).toEqual(weights);
    }
    const wrong = await train({ linear: [wrongLinear], attention: [registerAttention] });
    expect(wrong).not.toEqual(weights);
    const other = await train({ linear: [registerLinear], attention: [wrongAttention] });
    expect(other).not.toEqual(weights);
  });
});

describe("measuring", () => {
  afterEach(() => vi.restoreAllMocks());

  it("uses the fastest as measured, and remembers it for the next load", async () => {
    // A shape of its own, which no other test measures.
    const { parts } = makeTinyModel({ channels: 28, heads: 2, hidden: 44 });
    const phases: LoadProgress["phase"][] = [];
    const options: LoadOptions = { tune: true, onProgress: ({ phase }) => phases.push(phase) };
    using model = await Model.load(parts, options);
    for (const byRows of Object.values(model.info.kernels))
      for (const { kernel, microseconds, dropped } of Object.values(byRows)) {
        expect(Object.keys(microseconds).length).toBeGreaterThan(0);
        expect(microseconds[kernel]).toBe(Math.min(...Object.values<number>(microseconds)));
        expect(dropped).toEqual({});
      }
    using whole = await loadUntilMeasured(parts, options);
    const { linear, attention } = whole.info.kernels;
    // Tiles of many rows are not even tried where rows are few, nor a workgroup per row where they are many.
    for (const name of Object.keys({ ...linear.few.microseconds, ...attention.few.microseconds }))
      expect(name).not.toMatch(/^workgroup/);
    expect(Object.keys(attention.many.microseconds)).not.toContain("few-row");
    expect(phases.slice(-2)).toEqual(["compiling", "ready"]);
    const countMeasured = (): number => phases.filter((phase) => phase === "measuring").length;
    const measured = countMeasured();
    expect(measured).toBeGreaterThan(0);
    using again = await Model.load(parts, options);
    expect(again.info.kernels).toEqual(whole.info.kernels);
    expect(countMeasured()).toBe(measured);
    if (typeof document === "object") expect(storedKernels()).toContain(JSON.stringify(whole.info.kernels));
  });

  it("says for what its time did not suffice, which the next loads measure", async () => {
    const { parts } = makeTinyModel({ channels: 20, heads: 2, hidden: 52 });
    let now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => (now += 1e4));
    using hurried = await Model.load(parts, { tune: true });
    using second = await Model.load(parts, { tune: true });
    vi.restoreAllMocks();
    using whole = await loadUntilMeasured(parts, { tune: true });
    // Of attention, software adapters have one kernel, and nothing is left to measure.
    for (const kernel of ["linear"] as const)
      for (const rows of ["few", "many"] as const) {
        const [first, next, last] = [hurried, second, whole].map(
          ({ info }) => info.kernels[kernel][rows],
        ) as [KernelPick, KernelPick, KernelPick];
        expect(Object.keys(first.microseconds)).toEqual([first.kernel]);
        expect(first.unmeasured.length).toBeGreaterThan(0);
        expect(next.microseconds).toEqual({
          ...first.microseconds,
          [first.unmeasured[0]!]: expect.any(Number),
        });
        expect(next.unmeasured).toEqual(first.unmeasured.slice(1));
        expect(last.microseconds).toMatchObject(next.microseconds);
      }
  });

  it("is left out on request, and nothing is measured then", async () => {
    using model = await Model.load(tiny.parts, { tune: false });
    for (const byRows of Object.values(model.info.kernels))
      for (const { microseconds } of Object.values(byRows)) expect(microseconds).toEqual({});
  });

  it("drops a kernel that does not compile, and says so", async () => {
    const { info } = await run(
      { linear: [brokenLinear, fewRowLinear], attention: attentionKernels },
      { tune: true },
    );
    const { kernel, microseconds, dropped } = info.kernels.linear.many;
    expect(kernel).toBe("few-row");
    expect(Object.keys(microseconds)).toEqual(["few-row"]);
    expect(dropped["changed-register-tiled"]).toMatch(/did not compile/);
  });

  it("ends with the load's signal, and frees everything", async () => {
    const { parts } = makeTinyModel({ channels: 36, heads: 2, hidden: 40 });
    const watched = await WatchedGpu.create();
    const abort = new AbortController();
    const loading = Model.load(parts, {
      tune: true,
      gpu: watched.gpu,
      signal: abort.signal,
      onProgress: ({ phase }) => phase === "measuring" && abort.abort(),
    });
    expect(await rejection(loading)).toBeInstanceOf(CancelledError);
    await watched.allClosed();
  });
});

describe("verifying", () => {
  it("finds every kernel right", async () => {
    for (const [index, linear] of linearKernels.entries()) {
      const attention = attentionKernels[index % attentionKernels.length]!;
      const { info } = await run(
        { linear: [linear], attention: [attention] },
        { verify: true, weights: index % 2 === 0 ? "f16" : "f32" },
      );
      const lines = info.verification!.split("\n");
      expect(lines[0]).toContain(info.adapter.description);
      expect(lines).toHaveLength(5);
      for (const line of lines.slice(1)) expect(line).toMatch(/: right, wrong by at most \d\.\de-\d+$/);
      expect(info.verified).toHaveLength(4);
      for (const { isRight, largestError, problem } of info.verified!) {
        expect({ isRight, problem }).toEqual({ isRight: true, problem: undefined });
        expect(largestError).toBeGreaterThan(0);
      }
    }
  });

  it("drops a kernel that computes wrongly for one that does not", async () => {
    const { bits } = await run(all);
    const { bits: own, info } = await run(
      // Under other names, as the kernel that is presumed to be fast would come before the wrong one.
      {
        linear: [wrongLinear, { ...registerLinear, name: "safe" }],
        attention: [wrongAttention, { ...registerAttention, name: "safe" }],
      },
      { verify: true },
    );
    for (const byRows of Object.values(info.kernels))
      for (const { kernel, dropped } of Object.values(byRows)) {
        expect(kernel).toBe("safe");
        expect(Object.values(dropped)).toEqual([expect.stringMatching(/^wrong by at most/)]);
      }
    expect(info.verification).toMatch(/attention, few rows.*changed-serial: FAILED, wrong by at most/);
    expect(info.verified!.filter(({ isRight }) => !isRight)).toEqual(
      [wrongLinear, wrongAttention, wrongLinear, wrongAttention].map(({ name }) => ({
        place: expect.stringMatching(/ rows, /) as string,
        kernel: name,
        isRight: false,
        largestError: expect.any(Number) as number,
        problem: expect.stringMatching(/^wrong by at most/) as string,
      })),
    );
    expect(own).toEqual(bits);
  });

  it("fails where no kernel is right, and closes the device", async () => {
    const watched = await WatchedGpu.create();
    const kernels = { linear: [wrongLinear, brokenLinear], attention: attentionKernels };
    const error = await rejection(loadModel(tiny.parts, { verify: true, gpu: watched.gpu }, kernels));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "wrong-results" });
    expect(error.message).toMatch(
      /No kernel for linear layers, few rows.*changed-register-tiled: .*Update .*report this message/,
    );
    await watched.allClosed();
  });
});

/** Loads as often as it takes to measure every kernel. */
async function loadUntilMeasured(parts: ModelParts, options: LoadOptions): Promise<Model> {
  for (let loads = 1; ; loads++) {
    const model = await Model.load(parts, options);
    const picks = Object.values(model.info.kernels).flatMap((byRows) => [byRows.few, byRows.many]);
    if (picks.every(({ unmeasured }) => unmeasured.length === 0)) return model;
    model.dispose();
    // Each measures one kernel or more.
    expect(loads).toBeLessThan(linearKernels.length);
  }
}

/** What pages were told to remember, as text. */
const storedKernels = (): string =>
  Object.entries(localStorage)
    .filter(([key]) => key.startsWith("weft.kernels"))
    .map(([, value]) => String(value))
    .join("\n");
