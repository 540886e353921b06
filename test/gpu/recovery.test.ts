// A lost device, at any moment: calls end with what they would have given, streams go on, training goes on, nothing leaks.
import { describe, expect, it } from "vitest";
import { CancelledError, DeviceError, DisposedError } from "../../src/errors.js";
import type { LoadOptions, RecoveryEvent } from "../../src/runtime/load/load-options.js";
import { Model } from "../../src/runtime/model.js";
import type { TrainOptions } from "../../src/runtime/train/options.js";
import { findGpu } from "../../src/gpu/find-gpu.js";
import { caseCount } from "../helpers/long-run.js";
import { loseDevice } from "../helpers/lose-device.js";
import { SeededRandom } from "../helpers/random.js";
import { rejection } from "../helpers/rejection.js";
import { expectNoMemory } from "../helpers/steady-model.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const tiny = makeTinyModel({ contextLength: 48 });
const sentences = makeSentences(3, 20, 48, 13).filter(({ length }) => length > 1);
const trainOptions: TrainOptions = {
  steps: 6,
  batchTokens: 60,
  schedule: { peak: 1e-2, warmupSteps: 2 },
  seed: 9,
  validation: { sentences: sentences.slice(0, 3), every: 2 },
};
const STREAMS = 64;
const MOMENTS = caseCount({ usual: 12, long: 200 });

const later = await findGpu();

type Work = (model: Model) => Promise<unknown>;

/** Forward passes, scores and streams at once. */
const calls: Work = async (model) => {
  const streams = Array.from({ length: STREAMS }, (_, index) =>
    model.generate([index % 13, 5, index % 7], {
      maxTokens: 12,
      seed: index,
      temperature: index % 2,
      frequencyPenalty: index % 3,
      logProbabilities: true,
      stopTokens: [],
    }),
  );
  const texts = streams.map(async (stream) => {
    const { tokens, logProbabilities, finishReason } = await stream;
    return { tokens, logProbabilities, finishReason };
  });
  const [all, hidden, scores] = await Promise.all([
    model.forward(sentences, { output: "all" }),
    model.forward(sentences, { output: "hidden" }),
    model.score(sentences),
  ]);
  return [all.logits, hidden.hidden, [...scores], await Promise.all(texts)];
};

/** A run with a checkpoint in its middle, and what has become of the weights. */
const training: Work = async (model) => {
  const steps: object[] = [];
  const run = model.train(sentences, trainOptions);
  for await (const { tokensPerSecond: _, ...step } of run) {
    steps.push(step);
    if (step.step === 3) steps.push(await run.checkpoint());
  }
  const { weights } = await model.save();
  const { logits } = await model.forward(sentences);
  return [steps, weights, logits];
};

/** Does the work on a new model that loses a device at this moment, counted in what devices are asked. */
async function disturbed(
  work: Work,
  moment: number,
  options: Pick<LoadOptions, "queues"> = {},
): Promise<{ readonly result: unknown; readonly asked: number; readonly events: readonly RecoveryEvent[] }> {
  const watched = await WatchedGpu.create();
  const { asked } = loseDevice(watched, moment);
  const events: RecoveryEvent[] = [];
  const onRecovery = (event: RecoveryEvent): void => void events.push(event);
  // In a short run, the devices that come after are ready to compute.
  const { queues = 1 } = options;
  const gpu: Pick<GPU, "requestAdapter"> = {
    requestAdapter: (own) =>
      (watched.devices.length < Number(queues) ? watched.gpu : later).requestAdapter(own),
  };
  const model = await Model.load(tiny.parts, { gpu: gpu as GPU, queues, onRecovery });
  const result = await work(model);
  expect(model.info.recoveries).toBe(events.filter(({ phase }) => phase === "recovered").length);
  await model[Symbol.asyncDispose]();
  expectNoMemory(model);
  await watched.allClosed();
  return { result, asked: asked(), events };
}

describe.each([
  ["forward passes, scores and 64 streams", calls, 1],
  ["forward passes, scores and 64 streams on two queues", calls, 2],
  ["training", training, 1],
  ["training on two queues", training, 2],
])("a device that is lost during load and %s", (_, work, queues) => {
  it("changes no result", { timeout: 3_600_000 }, async () => {
    const plain = await disturbed(work, Number.POSITIVE_INFINITY, { queues });
    expect(plain.events).toEqual([]);
    const random = new SeededRandom(20_261_130 + queues);
    let recovered = 0;
    for (let count = 0; count < MOMENTS / 4; count++) {
      const moment = 1 + Math.floor(random.uniform() * plain.asked);
      const { result, events } = await disturbed(work, moment, { queues });
      expect(result, `moment ${moment} of ${plain.asked}`).toEqual(plain.result);
      // While it is loading, the model loads again, and there is nobody to tell.
      if (events.length > 0) {
        expect(events).toMatchObject([
          { phase: "lost", reason: { reason: "lost" } },
          { phase: "recovered", isOtherAdapter: false },
        ]);
        recovered++;
      }
    }
    expect(recovered).toBeGreaterThan(0);
  });
});

/** A model, and a function that loses its device. */
async function open(
  options: LoadOptions = {},
): Promise<{ model: Model; watched: WatchedGpu; events: RecoveryEvent[]; lose: () => void }> {
  const watched = await WatchedGpu.create();
  const events: RecoveryEvent[] = [];
  const model = await Model.load(tiny.parts, {
    gpu: watched.gpu,
    queues: 1,
    onRecovery: (event) => events.push(event),
    ...options,
  });
  return { model, watched, events, lose: () => watched.devices.at(-1)!.destroy() };
}

async function close({ model, watched }: { model: Model; watched: WatchedGpu }): Promise<void> {
  await model[Symbol.asyncDispose]();
  expectNoMemory(model);
  await watched.allClosed();
}

const bits = async (model: Model): Promise<unknown> => (await model.forward(sentences)).logits;

describe("a model whose device was lost", () => {
  it("streams no piece twice and misses none", async () => {
    const opened = await open();
    const options = { maxTokens: 30, stopTokens: [], temperature: 1, seed: 3 };
    const { tokens } = await opened.model.generate([1, 2], options);
    const known: number[] = [];
    const stop = opened.model.watchSteps(({ parts }) => {
      for (const { firstToken, samples } of parts) if (samples) known.push(firstToken);
      if (known.length === 10) opened.lose();
    });
    const handle = await opened.model.generate([1, 2], options);
    stop();
    expect(handle.tokens).toEqual(tokens);
    expect(handle.usage).toEqual({ promptTokens: 2, completionTokens: 30 });
    expect(opened.events.map(({ phase }) => phase)).toEqual(["lost", "recovered"]);
    // Every token once, those of before and after the loss together.
    expect(opened.model.stats().generatedTokens).toBe(60);
    await close(opened);
  });

  it("comes back when it is asked for something, and tells", async () => {
    const opened = await open();
    const { model } = opened;
    const before = await bits(model);
    for (let count = 1; count <= 3; count++) {
      opened.lose();
      expect(await bits(model)).toEqual(before);
      expect(model.info.recoveries).toBe(count);
    }
    expect(opened.events).toHaveLength(6);
    expect(opened.events[1]).toMatchObject({
      elapsedMs: expect.any(Number) as number,
      adapter: model.info.adapter,
    });
    // Four times in a minute is no accident.
    opened.lose();
    const error = await rejection(model.forward(sentences));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/the GPU device was lost \(.+\)\. Dispose this model/s);
    expect(() => model.generate([1])).toThrow(error.message);
    expect(opened.events.at(-1)).toMatchObject({ phase: "failed", reason: error });
    await close(opened);
  });

  it("stays lost with recover false", async () => {
    const opened = await open({ recover: false });
    opened.lose();
    for (let count = 0; count < 2; count++)
      expect(await rejection(opened.model.forward(sentences))).toMatchObject({ reason: "lost" });
    expect(opened.events).toEqual([]);
    await close(opened);
  });

  it("is disposed of while it is being opened again", async () => {
    const opened = await open();
    const { model, lose } = opened;
    lose();
    const waiting = [rejection(model.forward(sentences)), rejection(Promise.resolve(model.generate([1])))];
    await new Promise((resolve) => setTimeout(resolve, 1));
    model.dispose();
    const [forward, generation] = await Promise.all(waiting);
    expect(forward).toBeInstanceOf(DisposedError);
    expect(generation!.cause).toBeInstanceOf(DisposedError);
    await close(opened);
  });

  it("lets a call be cancelled that waits for it", async () => {
    const opened = await open();
    const { model, lose } = opened;
    const before = await bits(model);
    lose();
    const stopping = new AbortController();
    const forward = rejection(model.forward(sentences, { signal: stopping.signal }));
    const handle = model.generate([1], { signal: stopping.signal });
    stopping.abort();
    expect(await forward).toBeInstanceOf(CancelledError);
    expect((await handle).finishReason).toBe("abort");
    expect(await bits(model)).toEqual(before);
    await close(opened);
  });

  it(
    "waits for a device that is not there yet, and gives up when none comes",
    { timeout: 60_000 },
    async () => {
      const opened = await open();
      const { model, watched, lose } = opened;
      const before = await bits(model);
      const request = watched.gpu.requestAdapter.bind(watched.gpu);
      let missing = 3;
      Object.assign(watched.gpu, {
        requestAdapter: (options?: GPURequestAdapterOptions) =>
          missing-- > 0 ? Promise.resolve(null) : request(options),
      });
      lose();
      expect(await bits(model)).toEqual(before);
      missing = Number.POSITIVE_INFINITY;
      lose();
      const error = await rejection(model.forward(sentences));
      expect(error).toMatchObject({ name: "DeviceError", reason: "lost", cause: { reason: "no-adapter" } });
      expect(error.message).toMatch(/could not be opened again: .*gave no adapter/s);
      await close(opened);
    },
  );

  it("does not go on with other weights than it had", async () => {
    const weights = tiny.parts.weights.slice();
    const watched = await WatchedGpu.create();
    const model = await Model.load({ ...tiny.parts, weights }, { gpu: watched.gpu });
    weights.set(weights.subarray(-400, -200), weights.length - 200);
    watched.devices[0]!.destroy();
    const error = await rejection(model.forward(sentences));
    expect(error.message).toMatch(/could not be opened again: its files are others than before/);
    await close({ model, watched });
  });
});

const finish = async (model: Model, takesCheckpoint: boolean): Promise<void> => {
  const run = model.train(sentences, trainOptions);
  for await (const { step } of run)
    if (takesCheckpoint && step === trainOptions.steps) await run.checkpoint();
};

describe("trained weights, when the device is lost after the run", () => {
  it("come back from a checkpoint of the last step, and are trained further", async () => {
    const opened = await open();
    const { model, lose } = opened;
    await finish(model, true);
    const before = await bits(model);
    lose();
    expect(await bits(model)).toEqual(before);
    const again = await training(model);
    const other = await open();
    await finish(other.model, true);
    expect(await training(other.model)).toEqual(again);
    await close(other);
    await close(opened);
  });

  it("are not taken from a checkpoint behind which another run has changed them", async () => {
    const opened = await open();
    const { model, lose } = opened;
    const first = model.train(sentences, trainOptions);
    for await (const { step } of first) {
      if (step < trainOptions.steps) continue;
      await first.checkpoint();
      for await (const _ of model.train(sentences, { ...trainOptions, steps: 1, seed: 1 })) void _;
    }
    lose();
    const error = await rejection(model.forward(sentences));
    expect(error.message).toMatch(/its weights were trained, and neither its last checkpoint nor save/);
    await close(opened);
  });

  it("come back from what was saved", async () => {
    const opened = await open();
    const { model, lose } = opened;
    await finish(model, false);
    await model.save();
    const before = await bits(model);
    lose();
    expect(await bits(model)).toEqual(before);
    expect(opened.events.at(-1)).toMatchObject({ phase: "recovered" });
    await close(opened);
  });

  it("are gone otherwise, which is said, and the source is not taken for them", async () => {
    const opened = await open();
    const { model, lose } = opened;
    await model.save(); // of what was there before
    await finish(model, false);
    lose();
    const error = await rejection(model.forward(sentences));
    expect(error).toMatchObject({ name: "DeviceError", reason: "lost" });
    expect(error.message).toMatch(/its weights were trained, and neither its last checkpoint nor save/);
    await close(opened);
  });
});
