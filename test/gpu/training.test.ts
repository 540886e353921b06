// Training on real execution: bits that depend on nothing but the data, learning, resuming, saving, failing.
import { describe, expect, it } from "vitest";
import { CancelledError, DeviceError, FormatError, TrainingError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import type { TrainOptions } from "../../src/runtime/train/options.js";
import type { TrainStep } from "../../src/runtime/train/run.js";
import type { Task } from "../../src/plan/vocabulary.js";
import { measureTrace } from "../../src/trace/metrics.js";
import type { TraceStage } from "../../src/trace/trace.js";
import { validateTrace } from "../../src/trace/validate.js";
import { readJson, repositoryFile } from "../helpers/data-files.js";
import { rejection } from "../helpers/rejection.js";
import { expectNoMemory } from "../helpers/steady-model.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const tiny = makeTinyModel({ contextLength: 24, layers: 2 });
const sentences = makeSentences(3, 12, 24, 13).filter(({ length }) => length > 1);
const options: TrainOptions = {
  steps: 5,
  batchTokens: 60,
  schedule: { peak: 1e-2, warmupSteps: 2 },
  shares: 3,
  seed: 9,
};

interface Trained {
  readonly steps: readonly TrainStep[];
  readonly weights: Uint8Array;
}

/** Trains a fresh copy of the tiny model. */
async function train(own: Partial<TrainOptions> & { readonly loadedQueues?: number } = {}): Promise<Trained> {
  const { loadedQueues = 1, ...rest } = own;
  const model = await Model.load(tiny.parts, { queues: loadedQueues });
  const steps: TrainStep[] = [];
  for await (const step of model.train(sentences, { ...options, ...rest })) steps.push(step);
  const { weights } = await model.save();
  model.dispose();
  expectNoMemory(model);
  return { steps, weights };
}

const stagesOf = ({ steps }: Trained): TraceStage[] =>
  steps.flatMap(({ trace }) => trace!.submissions.flatMap(({ stages }) => [...stages]));

const losses = ({ steps }: Trained): number[] => steps.map(({ loss }) => loss);

describe("training", () => {
  it("gives the same bits for every k and both fences, on one queue or several", async () => {
    const expected = await train();
    expect(losses(expected)[4]).toBeLessThan(losses(expected)[0]!);
    for (const own of [
      { sliceTokens: 1, fence: "prefix" },
      { sliceTokens: 3, loadedQueues: 2 },
      { sliceTokens: 8, loadedQueues: 3, fence: "prefix", trace: true },
      { sliceTokens: 24 },
      { sliceTokens: 5, loadedQueues: 2, recompute: true },
      { sliceTokens: 3, fence: "prefix", recompute: true },
    ] as const) {
      const trained = await train(own);
      expect(losses(trained), JSON.stringify(own)).toEqual(losses(expected));
      expect(trained.weights, JSON.stringify(own)).toEqual(expected.weights);
    }
  });

  it("gives the same bits where rows are many enough to be cut into slabs", async () => {
    const many = { batchTokens: 1300, shares: 2, steps: 2 };
    const expected = await train(many);
    for (const own of [
      { sliceTokens: 3, fence: "prefix" },
      { sliceTokens: 24, loadedQueues: 2 },
    ] as const)
      expect((await train({ ...many, ...own })).weights, JSON.stringify(own)).toEqual(expected.weights);
  });

  it("goes on from a checkpoint with the bits of a run that never stopped", async () => {
    const expected = await train();
    await using model = await Model.load(tiny.parts, { queues: 2 });
    const run = model.train(sentences, options);
    let checkpoint: Uint8Array<ArrayBuffer> | undefined;
    for await (const { step } of run) {
      if (step < 2) continue;
      checkpoint = await run.checkpoint();
      break;
    }
    // In another model, on another number of queues, with another slice.
    const resumed = await train({ resume: checkpoint!, sliceTokens: 4 });
    expect(losses(resumed)).toEqual(losses(expected).slice(2));
    expect(resumed.weights).toEqual(expected.weights);
  });

  it.each([
    [{ schedule: { peak: 1e-3, decay: "cosin" } }, "schedule.decay"],
    [{ schedule: {} }, "schedule.peak"],
    [{ schedule: { peak: 1e308 } }, "schedule.peak"],
    [{ schedule: { peak: 1e-3, final: Number.NaN } }, "schedule.final"],
    [{ optimizer: { kind: "adamw", epsilon: 0 } }, "optimizer.epsilon"],
    [{ validation: { sentences: [[1, 2, 3]], every: 0 } }, "validation.every"],
    [{ validation: { sentences: [[1, 2, 3]], every: "x" } }, "validation.every"],
  ])("refuses %j before a weight is changed", async (own, argument) => {
    await using model = await Model.load(tiny.parts, { queues: 1 });
    const before = (await model.save()).weights;
    const run = model.train(sentences, { steps: 2, ...own } as unknown as TrainOptions);
    const error = await rejection(run[Symbol.asyncIterator]().next());
    expect(error).toMatchObject({ name: "ArgumentError", argument });
    expect((await model.save()).weights).toEqual(before);
  });

  it("is saved between steps, never within one", async () => {
    await using model = await Model.load(tiny.parts, { queues: 2 });
    const saves: Promise<Uint8Array>[] = [];
    const states: Uint8Array[] = [];
    for await (const { step } of model.train(sentences, { ...options, steps: 4 })) {
      // Asked for again and again while the next step runs.
      if (step < 4)
        for (let again = 0; again < 6; again++) saves.push(model.save().then(({ weights }) => weights));
      states.push((await model.save()).weights);
    }
    const known = states.map((weights) => weights.join());
    for (const weights of await Promise.all(saves)) expect(known).toContain(weights.join());
  });

  it("adds accumulated batches to one step", async () => {
    const { steps } = await train({ accumulate: 3, steps: 2 });
    expect(steps).toHaveLength(2);
    expect(steps[0]!.tokens).toBeGreaterThanOrEqual(180);
    expect(steps[1]!.loss).toBeLessThan(steps[0]!.loss);
  });

  it("learns by stochastic gradient descent, too", async () => {
    const { steps } = await train({
      steps: 20,
      optimizer: { kind: "sgd", momentum: 0.9 },
      schedule: { peak: 0.05, decay: "linear" },
    });
    expect(steps.at(-1)!.loss).toBeLessThan(0.9 * steps[0]!.loss);
  });

  it("over-fits one sentence to less than 0.01 nats", async () => {
    await using model = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"), {
      weights: "f32",
    });
    const text = "Once upon a time there was a purple dragon who ate green cheese on the moon.";
    let last: TrainStep | undefined;
    const schedule = { peak: 2e-3, warmupSteps: 3, decay: "constant" } as const;
    const run = model.train([text], { steps: 25, batchTokens: 20, shares: 1, schedule });
    for await (last of run) if (last.loss < 0.01) break;
    expect(last!.loss).toBeLessThan(0.01);
    // The same model serves what it has learned.
    const { text: continued } = await model.generate([model.info.config.beginToken!], { temperature: 0 });
    expect(continued).toBe(text);
  });

  it("lowers the loss on stories it has not seen", async () => {
    const folder = repositoryFile("src/demo/models/tinystories-gpt2");
    const stories = (await readJson<readonly { prompt: string }[]>(`${folder}/stories.json`))!;
    // An untrained model of the same vocabulary: it learns which tokens are frequent.
    const fresh = makeTinyModel({ vocabulary: 1024, channels: 16, heads: 2, hidden: 32, contextLength: 64 });
    await using tokenizer = await Model.load(folder);
    const ids = await Promise.all(stories.map(({ prompt }) => tokenizer.encode(prompt)));
    await using model = await Model.load(fresh.parts);
    const validation = { sentences: ids.slice(48), every: 30 };
    const validationLosses: number[] = [];
    const run = model.train(ids.slice(0, 48), {
      steps: 60,
      batchTokens: 256,
      schedule: { peak: 2e-2, warmupSteps: 5 },
      validation,
    });
    for await (const { validationLoss } of run)
      if (validationLoss !== undefined) validationLosses.push(validationLoss);
    expect(validationLosses).toHaveLength(2);
    expect(validationLosses[1]).toBeLessThan(5.9);
    expect(validationLosses[1]).toBeLessThan(validationLosses[0]!);
  });

  it("saves files that load with the same bits", async () => {
    for (const other of [
      makeTinyModel({ tiedHead: false, headBias: true, channels: 12, heads: 3, hidden: 7 }),
      makeTinyModel({ channels: 10, heads: 2 }),
    ]) {
      await using model = await Model.load(other.parts);
      const saved = await model.save();
      await using again = await Model.load(saved);
      expect((await again.save()).weights).toEqual(saved.weights);
      const { logits } = await model.forward([[1, 2, 3]]);
      expect((await again.forward([[1, 2, 3]])).logits).toEqual(logits);
    }
  });

  it("records steps whose traces keep every fence", async () => {
    const { steps } = await train({ trace: true, loadedQueues: 2, sliceTokens: 4 });
    for (const { trace } of steps) expect(validateTrace(trace!)).toEqual([]);
    // Over the steps, some weight gradient ran while the other queue formed gradients of activations.
    const overlaps = steps.map(({ trace }) => measureTrace(trace!).weightGradientOverlapMs);
    expect(Math.max(...overlaps)).toBeGreaterThan(0);
    const kinds = new Set(
      steps[0]!.trace!.submissions.flatMap(({ stages }) =>
        stages.flatMap(({ tasks }) => tasks.map(({ kind }) => kind)),
      ),
    );
    expect([...kinds].toSorted()).toEqual([
      "attention",
      "attention-gradient",
      "slice",
      "slice-gradient",
      "weight-gradient",
    ]);
  });

  it("times every dispatch on request, and with the same bits", async () => {
    const own = { loadedQueues: 2, steps: 2, batchTokens: 400 };
    const timed = await train({ ...own, trace: "kernels" });
    const traced = await train({ ...own, trace: true });
    expect(timed.weights).toEqual(traced.weights);
    for (const { kernels } of stagesOf(traced)) expect(kernels).toBeUndefined();
    const stages = stagesOf(timed);
    const kernelsOf = (kind: Task["kind"]): Set<string> =>
      new Set(
        stages
          .filter(({ tasks }) => tasks[0]!.kind === kind)
          .map(({ kernels }) => kernels!.map(({ kernel }) => kernel).join()),
      );
    expect(kernelsOf("attention")).toEqual(new Set(["attention.forward-serial"]));
    expect(kernelsOf("attention-gradient")).toEqual(
      new Set(["attention.backward-query,attention.backward-key-value"]),
    );
    for (const { kernels, beginMs, endMs } of stages) {
      const sum = kernels!.reduce((all, { elapsedMs }) => all + elapsedMs, 0);
      expect(sum).toBeLessThanOrEqual(endMs - beginMs + 1e-6);
    }
    for (const { trace } of timed.steps) expect(validateTrace(trace!)).toEqual([]);
  });

  it("needs memory for logits that grows with the slice, and not with the batch", async () => {
    const wide = makeTinyModel({ vocabulary: 1500, contextLength: 24, layers: 1 });
    const data = makeSentences(4, 120, 24, 1500).filter(({ length }) => length > 1);
    const logitsBytes = async (batchTokens: number, sliceTokens: number): Promise<number> => {
      const watched = await WatchedGpu.create();
      let most = 0;
      watched.onDevice = (device) => {
        const create = device.createBuffer.bind(device);
        device.createBuffer = (descriptor) => {
          if (/logits|probabilit/.test(descriptor.label!)) most = Math.max(most, descriptor.size);
          return create(descriptor);
        };
      };
      await using model = await Model.load(wide.parts, { gpu: watched.gpu });
      for await (const _ of model.train(data, { steps: 1, shares: 1, batchTokens, sliceTokens })) void _;
      return most;
    };
    const [few, many] = [300, 1200];
    expect(await logitsBytes(few, 24)).toBe(8 * 24 * 1500 * 4);
    expect(await logitsBytes(many, 24)).toBe(8 * 24 * 1500 * 4);
    // Never below the rows that the head's weight gradient takes at a time.
    expect(await logitsBytes(many, 1)).toBe(128 * 1500 * 4);
  });

  it("needs a fraction of the memory where activations are recomputed, and gives the same bits", async () => {
    const deep = makeTinyModel({ layers: 6, contextLength: 24 });
    const trainDeep = async (recompute: boolean): Promise<{ bytes: number; weights: Uint8Array }> => {
      await using model = await Model.load(deep.parts);
      const before = model.memory()[0]!.bytes;
      for await (const _ of model.train(sentences, { steps: 2, batchTokens: 1200, recompute })) void _;
      return { bytes: model.memory()[0]!.peakBytes - before, weights: (await model.save()).weights };
    };
    const [kept, recomputed] = [await trainDeep(false), await trainDeep(true)];
    expect(recomputed.weights).toEqual(kept.weights);
    expect(recomputed.bytes).toBeLessThan(0.35 * kept.bytes);
  });

  it("serves between steps, with the weights of the last one", async () => {
    await using model = await Model.load(tiny.parts);
    const seen = new Set<string>();
    for await (const { step } of model.train(sentences, { ...options, steps: 3 })) {
      const [forward, generated] = await Promise.all([
        model.forward([[1, 2, 3]]),
        model.generate([1, 2, 3], { temperature: 0, maxTokens: 8 }),
      ]);
      const fresh = await Model.load(await model.save());
      expect((await fresh.forward([[1, 2, 3]])).logits, `step ${step}`).toEqual(forward.logits);
      const again = await fresh.generate([1, 2, 3], { temperature: 0, maxTokens: 8 });
      expect(again.tokens, `step ${step}`).toEqual(generated.tokens);
      seen.add(forward.logits[0]!.join());
      fresh.dispose();
    }
    expect(seen.size).toBe(3);
  });
});

describe("a training run that fails", () => {
  it("stops with the step when the loss stays far above its start, though finite", async () => {
    await using model = await Model.load(tiny.parts);
    const steps: TrainStep[] = [];
    let weights: Uint8Array | undefined;
    const run = model.train(sentences, { ...options, steps: 60, schedule: { peak: 3, decay: "constant" } });
    const error = await rejection(
      (async () => {
        for await (const step of run) {
          steps.push(step);
          weights = (await model.save()).weights;
        }
      })(),
    );
    expect(error).toBeInstanceOf(TrainingError);
    const last = steps.at(-1)!;
    expect((error as TrainingError).step).toBe(last.step + 1);
    expect(error.message).toContain("the run diverges");
    expect(last.loss).toBeGreaterThan(4 * steps[0]!.loss);
    expect((await model.save()).weights).toEqual(weights);
  });

  it("stops with the step when the loss is no number, and leaves the weights as they were", async () => {
    await using model = await Model.load(tiny.parts);
    const run = model.train(sentences, {
      ...options,
      steps: 60,
      schedule: { peak: 1e20, decay: "constant" },
    });
    let last = 0;
    let weights: Uint8Array | undefined;
    const error = await rejection(
      (async () => {
        for await (const { step } of run) {
          last = step;
          weights = (await model.save()).weights;
        }
      })(),
    );
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as TrainingError).step).toBe(last + 1);
    expect(error.message).toContain(`Step ${last + 1}`);
    if (weights) expect((await model.save()).weights).toEqual(weights);
  });

  it("refuses checkpoints of other models and other optimizers, and files that are none", async () => {
    await using model = await Model.load(tiny.parts);
    const run = model.train(sentences, options);
    let checkpoint: Uint8Array<ArrayBuffer> | undefined;
    for await (const _ of run) {
      checkpoint = await run.checkpoint();
      break;
    }
    await using other = await Model.load(makeTinyModel({ layers: 1 }).parts);
    const attempts: [Model, Uint8Array<ArrayBuffer>, Partial<TrainOptions>][] = [
      [other, checkpoint!, {}],
      [model, checkpoint!, { optimizer: { kind: "sgd" } }],
      [model, checkpoint!, { seed: 10 }],
      [model, checkpoint!.slice(0, 200), {}],
      [model, (await model.save()).weights, {}],
    ];
    for (const [target, resume, own] of attempts) {
      const error = await rejection(drain(target, { ...options, ...own, resume }));
      expect(error).toBeInstanceOf(FormatError);
    }
  });

  it("refuses data and options that cannot be used, and stays usable", async () => {
    await using model = await Model.load(tiny.parts);
    const before = model.memory();
    for (const [data, own] of [
      [[], {}],
      [[[1]], {}],
      [[[1, 99]], {}],
      [sentences, { steps: 0 }],
      [sentences, { steps: Number.NaN }],
      [sentences, { batchTokens: -1 }],
      [sentences, { shares: 1.5 }],
      [sentences, { queues: 2 }],
      [sentences, { optimizer: { kind: "adamw", beta1: 2 } }],
      [sentences, { optimizer: { kind: "magic" } as never }],
      [sentences, { schedule: { peak: Number.NaN } }],
      [sentences, { sliceTokens: 0 }],
    ] as [number[][], Partial<TrainOptions>][]) {
      const error = await rejection(
        (async () => {
          for await (const _ of model.train(data, { ...options, ...own })) break;
        })(),
      );
      expect(error.name, JSON.stringify(own)).toBe("ArgumentError");
    }
    expect(model.memory()).toEqual(before);
  });

  it("ends when its signal aborts, between steps and within one, and frees its memory", async () => {
    for (const delay of [0, 5, 20]) {
      await using model = await Model.load(tiny.parts);
      await model.forward([[1, 2]]);
      const before = model.memory().map(({ buffers }) => buffers);
      const controller = new AbortController();
      setTimeout(() => controller.abort(), delay);
      const error = await rejection(drain(model, { ...options, steps: 1000, signal: controller.signal }));
      expect(error).toBeInstanceOf(CancelledError);
      expect(model.memory().map(({ buffers }) => buffers)).toEqual(before);
    }
  });

  it("rejects when its device is lost, and its last checkpoint stays usable", async () => {
    const watched = await WatchedGpu.create();
    const model = await Model.load(tiny.parts, { gpu: watched.gpu, recover: false });
    const run = model.train(sentences, { ...options, steps: 1000 });
    let checkpoint: Uint8Array<ArrayBuffer> | undefined;
    const error = await rejection(
      (async () => {
        for await (const { step } of run) {
          if (step === 2) checkpoint = await run.checkpoint();
          if (step === 3) watched.devices[0]!.destroy();
        }
      })(),
    );
    expect(error).toBeInstanceOf(DeviceError);
    model.dispose();
    expectNoMemory(model);
    const resumed = await train({ resume: checkpoint! });
    expect(resumed.steps.map(({ step }) => step)).toEqual([3, 4, 5]);
  });
});

async function drain(model: Model, own: TrainOptions): Promise<void> {
  for await (const _ of model.train(sentences, own)) void _;
}
