// Models that compute products in f16, on real execution: near the float64 reference, with the same bits however they run.
import { beforeEach, describe, expect, it } from "vitest";
import { ArgumentError, DeviceError } from "../../src/errors.js";
import { findGpu } from "../../src/gpu/find-gpu.js";
import { attentionKernels, halfLinearKernels } from "../../src/kernels/registry.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import { Model } from "../../src/runtime/model.js";
import { expectClose } from "../helpers/expect-close.js";
import { rejection } from "../helpers/rejection.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";
import { float16 } from "../helpers/tolerances.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";
import { gpt2Forward } from "../reference/gpt2.js";

const tiny = makeTinyModel({ dtype: "F16" });
const sentences = makeSentences(6, 4, 24, 13);

const bitsOf = (all: readonly Float32Array[]): Uint32Array[] =>
  all.map((own) => new Uint32Array(own.buffer, own.byteOffset, own.length));

describe("products in f16", () => {
  beforeEach(async (context) => {
    const adapter = await (await findGpu()).requestAdapter();
    if (!adapter?.features.has("shader-f16")) context.skip("products in f16 left out: no shader-f16");
  });

  it("give logits near those of float64, but not those of f32", async () => {
    await using model = await Model.load(tiny.parts, { arithmetic: "f16" });
    expect(model.info).toMatchObject({ arithmetic: "f16", weights: "f16" });
    const { logits } = await model.forward(sentences, { output: "all" });
    for (const [index, ids] of sentences.entries())
      expectClose(logits[index]!, gpt2Forward(tiny.config, tiny.weights, ids).logits, float16);
    await using other = await Model.load(tiny.parts, { weights: "f16" });
    expect(bitsOf((await other.forward(sentences, { output: "all" })).logits)).not.toEqual(bitsOf(logits));
  });

  it("give the same bits for every k, batch and number of queues, and tokens alone as among others", async () => {
    await using model = await Model.load(tiny.parts, { arithmetic: "f16", queues: 2 });
    const { logits } = await model.forward(sentences, { output: "all" });
    for (const sliceTokens of [1, 3, 20])
      for (const queues of [1, 2]) {
        const other = await model.forward(sentences, { output: "all", sliceTokens, queues });
        expect(bitsOf(other.logits)).toEqual(bitsOf(logits));
      }
    for (const [index, ids] of sentences.entries()) {
      const alone = await model.forward([ids], { output: "all" });
      expect(bitsOf(alone.logits)[0]).toEqual(bitsOf(logits)[index]);
    }
    const prompts = sentences.map((ids) => ids.slice(0, 5));
    const options = { maxTokens: 9, temperature: 0 };
    const together = await Promise.all(model.generate(prompts, options));
    for (const [index, prompt] of prompts.entries())
      expect((await model.generate(prompt, options)).tokens).toEqual(together[index]!.tokens);
  });

  it("are found right by verification, in every kernel, with figures where they are measured", async () => {
    for (const linear of halfLinearKernels) {
      const loaded = await loadModel(
        tiny.parts,
        { arithmetic: "f16", verify: true, tune: true },
        { linear: [linear], attention: attentionKernels },
      );
      const { kernels, verification } = loaded.info;
      for (const replica of loaded.replicas) {
        replica.disposeWeights();
        replica.queue.dispose();
      }
      expect(Object.keys(kernels.linear.many.microseconds)).toEqual([linear.name]);
      expect(verification).toMatch(new RegExp(`many rows, f16, ${linear.name}: right, wrong by at most`));
    }
  });

  it("cannot be trained, and say what to load instead", async () => {
    using model = await Model.load(tiny.parts, { arithmetic: "f16" });
    expect(() => model.train([[1, 2, 3]], { steps: 1 })).toThrow(
      /received "f16"\. Load .*arithmetic "f32", to train/,
    );
  });
});

describe("what cannot be loaded so", () => {
  it("is weights of f32", async () => {
    const error = await rejection(Model.load(tiny.parts, { arithmetic: "f16", weights: "f32" }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/weights: expected "f16", .*received "f32"\. Leave it out/);
  });

  it("is any model on an adapter without shader-f16, and no device is left open", async () => {
    const watched = await WatchedGpu.create();
    const requestAdapter = async (): Promise<object> => {
      const adapter = (await watched.gpu.requestAdapter())!;
      const features = new Set([...adapter.features].filter((name) => name !== "shader-f16"));
      const requestDevice = (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> =>
        adapter.requestDevice(descriptor);
      return { features, limits: adapter.limits, info: adapter.info, requestDevice };
    };
    const gpu = { requestAdapter } as unknown as GPU;
    const error = await rejection(Model.load(tiny.parts, { arithmetic: "f16", gpu }));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "limit" });
    expect(error.message).toMatch(/does not compute in f16 .*shader-f16\)\. Load with arithmetic "f32"/);
    await watched.allClosed();
  });
});
