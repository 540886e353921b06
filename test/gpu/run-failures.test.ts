// What can happen to a model while it runs: cancelled, disposed, its device lost or out of memory. The pending promise
// rejects with a typed error, nothing hangs, nothing is left behind, and whatever can go on goes on.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CancelledError, DeviceError, DisposedError } from "../../src/errors.js";
import type { ForwardOptions } from "../../src/runtime/passes/pass-options.js";
import { SeededRandom } from "../helpers/random.js";
import { outcomes, rejection } from "../helpers/rejection.js";
import { expectNoMemory, SteadyModel } from "../helpers/steady-model.js";
import { pretendOutOfMemory, provokeValidationError } from "../helpers/watched-gpu.js";

type AllOptions = ForwardOptions & { readonly output: "all" };

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A batch on both queues, with rows on their way between them, and timed: everything a run can hold. */
const everything: AllOptions = { output: "all", placement: "spread", sliceTokens: 1, trace: true };

describe("a model that goes on", () => {
  let steady: SteadyModel;
  beforeAll(async () => {
    steady = await SteadyModel.load({ queues: 2 });
  });
  afterAll(() => steady.end());

  it("stays as it was, whenever the signal of a call aborts", async () => {
    const { model, sentences } = steady;
    const start = performance.now();
    for (let run = 0; run < 3; run++) await model.forward(sentences, everything);
    const runMs = (performance.now() - start) / 3;
    await steady.expectUnchanged();
    const random = new SeededRandom(12);
    const cancelled = { before: 0, during: 0 };
    for (let attempt = 0; attempt < 24; attempt++) {
      const controller = new AbortController();
      const listeners = countListeners(controller.signal);
      const delayMs = attempt < 2 ? 0 : random.uniform() * runMs;
      if (attempt === 0) controller.abort();
      const running = model.forward(sentences, { ...everything, signal: controller.signal });
      // At once: while the arenas are made.
      if (attempt === 1) controller.abort();
      const aborting = wait(delayMs).then(() => controller.abort());
      const [error] = await outcomes([running]);
      await aborting;
      if (attempt < 2) expect(error).toBeInstanceOf(CancelledError);
      if (error) {
        expect(error).toBeInstanceOf(CancelledError);
        cancelled[attempt < 2 ? "before" : "during"]++;
      } else steady.expectBits((await running).logits);
      expect(listeners()).toBe(0);
    }
    expect(cancelled.before).toBe(2);
    expect(cancelled.during).toBeGreaterThan(0);
    await steady.expectUnchanged();
  });

  it("goes on with other calls when one is cancelled", async () => {
    const { model, sentences } = steady;
    const controller = new AbortController();
    const beside = [model.forward(sentences, { output: "all" }), model.forward(sentences, everything)];
    const stopped = model.forward(sentences, { ...everything, signal: controller.signal });
    controller.abort();
    expect(await rejection(stopped)).toBeInstanceOf(CancelledError);
    for (const { logits } of await Promise.all(beside)) steady.expectBits(logits);
  });

  it("gives calls at the same time the bits of one at a time, and keeps one arena per queue", async () => {
    const { model, sentences } = steady;
    const options: ForwardOptions[] = [
      {},
      { sliceTokens: 1, fence: "prefix" },
      { placement: "spread", sliceTokens: 3 },
      { placement: "spread", fence: "prefix", sliceTokens: 2, trace: true },
      { queues: 1 },
      { queues: 1, sliceTokens: 5, trace: true },
      { sliceTokens: 24, trace: true },
      everything,
    ];
    for (let round = 0; round < 2; round++) {
      const results = await Promise.all(
        options.map((each) => model.forward(sentences, { ...each, output: "all" })),
      );
      for (const { logits } of results) steady.expectBits(logits);
      // A call on one queue needs a larger arena than one on two: the larger is kept until it is too large.
      await model.forward(sentences, { output: "all" });
    }
    const perQueue = model.memory().map(({ buffers }) => buffers);
    await model.forward(sentences, { ...everything, output: "all" });
    await model.forward(sentences, { output: "all" });
    expect(model.memory().map(({ buffers }) => buffers)).toEqual(perQueue);
  });

  it("takes fewer sentences than queues", async () => {
    const { model, sentences } = steady;
    for (const placement of ["affine", "spread"] as const) {
      for (const [first, count] of [
        [0, 1],
        [1, 1],
      ] as const) {
        const { logits, stats, trace } = await model.forward(sentences.slice(first, first + count), {
          output: "all",
          placement,
          sliceTokens: 16,
          trace: true,
        });
        logits.forEach((values, index) => expect(values).toEqual(steady.bits[first + index]));
        expect(trace!.queues).toBe(2);
        const busy = stats.queues.filter(({ dispatches }) => dispatches > 0);
        expect(busy.length).toBe(first === 1 && placement === "spread" ? 2 : 1);
      }
    }
  });

  it("fails only the call whose command the device refuses", async () => {
    const { model, sentences, watched } = steady;
    const { queue } = watched.devices[1]!;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      queue.submit = submit;
      provokeValidationError(watched.devices[1]!);
      submit(buffers);
    };
    const error = await rejection(model.forward(sentences, everything));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "validation" });
    expect(error.message).toMatch(/Queue 1: the device reported ".*"\. This is a defect of weft/s);
    await steady.expectUnchanged();
  });

  it("fails only the call whose activations find no memory", async () => {
    const { model, sentences, watched } = steady;
    // More rows than the arena at hand has.
    const batch = Array.from({ length: 9 }, () => sentences).flat();
    pretendOutOfMemory(watched.devices[1]!);
    const before = model.memory()[1]!.bytes;
    const error = await rejection(model.forward(batch));
    expect(model.memory()[1]!.bytes).toBeLessThan(before);
    expect(error).toMatchObject({ name: "DeviceError", reason: "out-of-memory" });
    expect(error.message).toMatch(
      /Queue 1 has no room for \d+ bytes of activations of \d+ tokens\. Pass fewer/,
    );
    await model.forward(batch);
  });

  it("fails only the save that finds no memory, with nothing left of it", async () => {
    const { model, watched } = steady;
    const saved = await model.save();
    const before = model.memory()[0]!;
    pretendOutOfMemory(watched.devices[0]!);
    expect(await rejection(model.save())).toMatchObject({ name: "DeviceError", reason: "out-of-memory" });
    expect(model.memory()[0]!).toMatchObject({ buffers: before.buffers, bytes: before.bytes });
    expect((await model.save()).weights).toEqual(saved.weights);
    await steady.expectUnchanged();
  });

  it("frees what a submission took that could not be made", async (context) => {
    const { model, sentences, watched } = steady;
    const device = watched.devices[1]!;
    if (!device.features.has("timestamp-query")) context.skip("the adapter has no timestamp-query");
    await model.forward(sentences, everything);
    const before = model.memory().map(({ buffers }) => buffers);
    const create = device.createQuerySet.bind(device);
    const thrown = new Error("from the device");
    device.createQuerySet = () => {
      device.createQuerySet = create;
      throw thrown;
    };
    expect(await rejection(model.forward(sentences, everything))).toBe(thrown);
    expect(model.memory().map(({ buffers }) => buffers)).toEqual(before);
  });

  it("keeps no results' buffer that became too small", async () => {
    const { model, sentences } = steady;
    // Large enough for an arena of its own.
    const batch = Array.from({ length: 30 }, () => sentences).flat();
    await model.forward(batch);
    const before = model.memory().map(({ buffers }) => buffers);
    await model.forward(batch, { output: "all" });
    expect(model.memory().map(({ buffers }) => buffers)).toEqual(before);
  });
});

describe("a disposed model", () => {
  it.each([0, 4])("ends calls that began %i ms before, and refuses further ones", async (delayMs) => {
    const steady = await SteadyModel.load({ queues: 2 });
    const { model, sentences } = steady;
    const batch = Array.from({ length: 20 }, () => sentences).flat();
    const running = [
      model.forward(batch, everything),
      model.forward(batch, { output: "all" }),
      model.score(batch.filter(({ length }) => length > 1)),
    ];
    const ended = outcomes(running);
    if (delayMs > 0) await wait(delayMs);
    model.dispose();
    expectNoMemory(model);
    for (const error of await ended) expect(error).toBeInstanceOf(DisposedError);
    model.dispose();
    for (const call of [model.forward([[1]]), model.score([[1, 2]])]) {
      const error = await rejection(call);
      expect(error).toBeInstanceOf(DisposedError);
      expect(error.message).toMatch(/disposed: (forward|score) cannot run\. Load it again/);
    }
    await steady.end();
  });
});

describe("a lost device", () => {
  it.each([0, 4])("ends calls that began %i ms before", async (delayMs) => {
    const steady = await SteadyModel.load({ queues: 2, recover: false });
    const { model, sentences, watched } = steady;
    const batch = Array.from({ length: 20 }, () => sentences).flat();
    const running = [model.forward(batch, everything), model.forward(batch, { output: "all" })];
    const ended = outcomes(running);
    await wait(delayMs);
    watched.devices[1]!.destroy();
    for (const error of await ended) expectLost(error);
    expectLost(await rejection(model.forward(batch)));
    await steady.end();
  });
});

it("a lost device is told from one without room for training", async () => {
  const steady = await SteadyModel.load({ recover: false });
  const { model, sentences, watched } = steady;
  const device = watched.devices[0]!;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    if (descriptor.label === "training.logits") device.destroy();
    return create(descriptor);
  };
  const long = sentences.filter(({ length }) => length > 1);
  const training = model.train(long, { steps: 1 })[Symbol.asyncIterator]();
  expectLost(await rejection(training.next()));
  await steady.end();
});

describe("a device that refuses", () => {
  it("something on behalf of no call fails every call", async () => {
    const steady = await SteadyModel.load({ queues: 2 });
    const { model, sentences, watched } = steady;
    const batch = Array.from({ length: 40 }, () => sentences).flat();
    provokeValidationError(watched.devices[0]!);
    const errors = await outcomes([model.forward(batch, everything), model.forward(batch)]);
    errors.push(await rejection(model.forward(batch)));
    for (const error of errors) expect(error).toMatchObject({ name: "DeviceError", reason: "validation" });
    await steady.end();
  });
});

function expectLost(error: Error | undefined): void {
  expect(error).toBeInstanceOf(DeviceError);
  expect(error).toMatchObject({ reason: "lost" });
  expect(error!.message).toMatch(/Queue [01]: the GPU device was lost \(.+\)\. Dispose this model/s);
}

/** Counts the listeners that are on `signal` from now on. */
function countListeners(signal: AbortSignal): () => number {
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...parameters: Parameters<typeof add>) => {
    count++;
    add(...parameters);
  };
  signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
    count--;
    remove(...parameters);
  };
  return () => count;
}
