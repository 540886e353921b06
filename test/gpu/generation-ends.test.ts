// How a generation can end but by itself: cancelled, its model disposed, its device lost. Memory is free at once, nothing
// hangs, and whoever waits hears of it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeviceError, DisposedError, GenerationInterruptedError } from "../../src/errors.js";
import type { Generation, GenerationHandle } from "../../src/runtime/generate/handle.js";
import { Model } from "../../src/runtime/model.js";
import { rejection } from "../helpers/rejection.js";
import { expectNoMemory } from "../helpers/steady-model.js";
import { expectIdle, expectSameAsAlone, makeWriter, readAll, wait } from "../helpers/tiny-writer.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const parts = makeWriter();
const prompt = Array.from({ length: 40 }, (_, index) => index % 30);
/** As many tokens as the context allows. */
const options = { seed: 9, logProbabilities: true };

/** Rejections that nobody handled. */
const unhandled: unknown[] = [];
const inNode = typeof document === "undefined";
function note(reason: unknown): void {
  unhandled.push(reason);
}
function noteEvent(event: PromiseRejectionEvent): void {
  unhandled.push(event.reason);
}
beforeAll(() => {
  if (inNode) process.on("unhandledRejection", note);
  else addEventListener("unhandledrejection", noteEvent);
});
afterAll(async () => {
  await wait(50);
  if (inNode) process.off("unhandledRejection", note);
  else removeEventListener("unhandledrejection", noteEvent);
  expect(unhandled).toEqual([]);
});

/** Waits until a condition holds; a test whose condition never does times out. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(1);
}

describe("cancelling", () => {
  let model: Model;
  let alone: Generation;
  beforeAll(async () => {
    model = await Model.load(parts, { maxConcurrentRequests: 2 });
    alone = await model.generate(prompt, options);
    expect(alone.finishReason).toBe("length");
    expect(alone.tokens).toHaveLength(30);
  });
  afterAll(async () => {
    const again = await model.generate(prompt, options);
    expectSameAsAlone(again, alone, "after everything");
    expectIdle(model);
    await model[Symbol.asyncDispose]();
  });

  function expectAborted(own: Generation, fewest: number, most: number): void {
    expect(own.finishReason).toBe("abort");
    expectSameAsAlone(own, alone, "cancelled");
    expect(alone.text.startsWith(own.text)).toBe(true);
    expect(own.tokens.length).toBeGreaterThanOrEqual(fewest);
    expect(own.tokens.length).toBeLessThanOrEqual(most);
    expectIdle(model);
  }

  it("before it begins gives nothing", async () => {
    const controller = new AbortController();
    controller.abort();
    expectAborted(await model.generate(prompt, { ...options, signal: controller.signal }), 0, 0);
    const handle = model.generate(prompt, options);
    handle.cancel();
    expectAborted(await handle, 0, 0);
    expect(await readAll(handle)).toEqual([]);
  });

  it("while it waits for others gives nothing, and they go on", async () => {
    const others = model.generate([prompt, prompt], options);
    const handle = model.generate(prompt, options);
    await until(() => model.stats().waiting === 1 && model.stats().running === 2);
    handle.cancel();
    const { finishReason, tokens, timings } = await handle;
    expect({ finishReason, tokens }).toEqual({ finishReason: "abort", tokens: [] });
    expect(timings.tokensPerSecond).toBe(0);
    expect(model.stats().waiting).toBe(0);
    for (const other of await Promise.all(others)) expectSameAsAlone(other, alone, "another");
  });

  it("during its prompt frees its pages at once", async () => {
    const handle = model.generate(prompt, options);
    await until(() => model.stats().running === 1);
    expect(model.stats().freePages).toBeLessThan(model.stats().cachePages);
    handle.cancel();
    expectIdle(model);
    expectAborted(await handle, 0, 0);
  });

  it("while it writes frees its pages at once, and gives what there is", async () => {
    const handle = model.generate(prompt, options);
    const pieces = handle[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await pieces.next();
    expect(model.stats().freePages).toBeLessThan(model.stats().cachePages);
    handle.cancel();
    expectIdle(model);
    expectAborted(await handle, 3, 29);
    handle.cancel();
  });

  it("by the signal does the same, and leaves no listener on it", async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...parameters: Parameters<typeof add>) => {
      listeners++;
      add(...parameters);
    };
    signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
      listeners--;
      remove(...parameters);
    };
    const whole = model.generate(prompt, { ...options, maxTokens: 2, signal });
    const handle = model.generate(prompt, { ...options, signal });
    await whole;
    await until(() => model.stats().generatedTokens > 0);
    controller.abort();
    expectAborted(await handle, 0, 29);
    expect(listeners).toBe(0);
  });

  it("after its end changes nothing", async () => {
    const controller = new AbortController();
    const handle = model.generate(prompt, { ...options, signal: controller.signal });
    const own = await handle;
    handle.cancel();
    controller.abort();
    expect(await handle).toBe(own);
    expectSameAsAlone(own, alone, "ended");
    expect((await readAll(handle)).join("")).toBe(alone.text);
  });

  it("happens when a loop over the pieces is left", async () => {
    const handle = model.generate(prompt, options);
    let seen = "";
    for await (const piece of handle) {
      seen += piece;
      if (seen.length >= 2) break;
    }
    expectIdle(model);
    const own = await handle;
    expectAborted(own, 2, 29);
    expect(own.text.startsWith(seen)).toBe(true);
  });

  it("happens when a loop throws", async () => {
    const handle = model.generate(prompt, options);
    const loop = async (): Promise<void> => {
      for await (const piece of handle) throw new Error(`enough of ${piece}`);
    };
    expect((await rejection(loop())).message).toMatch(/^enough of ./);
    expectAborted(await handle, 1, 29);
  });
});

describe("a stream", () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(parts, { maxConcurrentRequests: 1 });
  });
  afterAll(async () => {
    expectIdle(model);
    await model[Symbol.asyncDispose]();
  });

  it("gives all pieces and closes", async () => {
    const handle = model.generate(prompt, options);
    const reader = handle.toReadableStream().getReader();
    const pieces: string[] = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
    }
    expect(pieces.join("")).toBe((await handle).text);
    expect(pieces.length).toBeGreaterThan(10);
  });

  it("cancels generation when it is cancelled", async () => {
    const handle = model.generate(prompt, options);
    const reader = handle.toReadableStream().getReader();
    await reader.read();
    await reader.cancel();
    expectIdle(model);
    expect((await handle).finishReason).toBe("abort");
  });

  it("cancels generation also while that waits, without waiting itself", async () => {
    const first = model.generate(prompt, options);
    const second = model.generate(prompt, options);
    const stream = second.toReadableStream();
    await until(() => model.stats().waiting === 1);
    await stream.cancel();
    expect(model.stats().waiting).toBe(0);
    expect(await second).toMatchObject({ finishReason: "abort", tokens: [] });
    expect((await first).finishReason).toBe("length");
  });
});

describe("several prompts", () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(parts);
  });
  afterAll(async () => {
    expectIdle(model);
    await model[Symbol.asyncDispose]();
  });

  it("come as completed in the order in which they end, and one bad one fails alone", async () => {
    const batch = model.generate([[1], [2, 99], [3], "abc"], { ...options, maxTokens: 4 });
    expect(batch).toHaveLength(4);
    const completions = [];
    for await (const completion of batch.asCompleted()) completions.push(completion);
    expect(new Set(completions.map(({ index }) => index))).toEqual(new Set([0, 1, 2, 3]));
    expect(completions[0]).toMatchObject({ index: 1, status: "rejected", reason: { name: "ArgumentError" } });
    for (const completion of completions.slice(1))
      expect(completion).toMatchObject({ status: "fulfilled", value: { finishReason: "length" } });
  });

  it("come in that order also to a slow reader", async () => {
    const batch = model.generate([[4], [1], [2], [3]], {
      ...options,
      stopTokens: [5, 6, 7, 8, 9, 10, 11, 12],
    });
    const ends: number[] = [];
    batch.map((handle, index) => void handle.then(() => ends.push(index)));
    const order: number[] = [];
    for await (const { index } of batch.asCompleted()) {
      order.push(index);
      await wait(40);
    }
    expect(order).toEqual(ends);
    // Or the test would show nothing.
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
  });

  it("are cancelled when the loop over them is left", async () => {
    const batch = model.generate([[1], [2], [3]], options);
    batch[1]!.cancel();
    for await (const { index } of batch.asCompleted()) {
      expect(index).toBe(1);
      break;
    }
    expectIdle(model);
    for (const { finishReason } of await Promise.all(batch)) expect(finishReason).toBe("abort");
  });

  it("are like a list", async () => {
    const batch = model.generate([[1], [2]], { maxTokens: 1 });
    expect(batch).toHaveLength(2);
    expect(batch.map((_, index) => index)).toEqual([0, 1]);
    expect([...batch]).toEqual([batch[0], batch[1]]);
    const all: Generation[] = await Promise.all(batch);
    expect(all.map(({ finishReason }) => finishReason)).toEqual(["length", "length"]);
    const endless = model.generate([[1], [2]]);
    endless.cancel();
    for (const { finishReason } of await Promise.all(endless)) expect(finishReason).toBe("abort");
  });
});

/** What every way of looking at an interrupted generation shows. */
async function expectInterrupted(
  handle: GenerationHandle,
  reading: Promise<Error>,
  stream: ReadableStream<string>,
  cause: (error: unknown) => void,
): Promise<void> {
  const error = await rejection(Promise.resolve(handle));
  expect(error).toBeInstanceOf(GenerationInterruptedError);
  expect(error.message).toMatch(
    /^Generation was interrupted: .+ What was generated until then is in `partial`\.$/s,
  );
  const { partial } = error as GenerationInterruptedError<Generation>;
  expect(partial.finishReason).toBe("abort");
  expect(partial.usage.completionTokens).toBe(partial.tokens.length);
  cause(error.cause);
  expect(await reading).toBe(error);
  expect(await rejection(readAll(handle))).toBe(error);
  const reader = stream.getReader();
  const read = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  expect(await rejection(read())).toBe(error);
}

describe.each([
  ["at once", 0],
  ["while they write", 40],
])("with streams open %s", (_, pieces) => {
  async function open(): Promise<{
    readonly model: Model;
    readonly watched: WatchedGpu;
    readonly expectAllInterrupted: (cause: (error: unknown) => void) => Promise<void>;
  }> {
    const watched = await WatchedGpu.create();
    const model = await Model.load(parts, {
      gpu: watched.gpu,
      queues: 2,
      maxConcurrentRequests: 3,
      recover: false,
    });
    // More than run at once; of some the prompt is still being encoded.
    const handles = Array.from({ length: 14 }, (__, index) =>
      model.generate(index % 2 ? prompt : "abc", { ...options, stopTokens: [] }),
    );
    const all = handles.map((handle) => {
      const reading = rejection(readAll(handle));
      return { handle, reading, stream: handle.toReadableStream() };
    });
    if (pieces > 0) await until(() => model.stats().generatedTokens >= pieces);
    return {
      model,
      watched,
      async expectAllInterrupted(cause) {
        for (const { handle, reading, stream } of all)
          await expectInterrupted(handle, reading, stream, cause);
        const partials = await Promise.all(
          handles.map(async (handle) => {
            const error = await rejection(Promise.resolve(handle));
            return (error as GenerationInterruptedError<Generation>).partial;
          }),
        );
        const tokens = partials.reduce((sum, { tokens: own }) => sum + own.length, 0);
        expect(tokens).toBe(model.stats().generatedTokens);
        expect(tokens).toBeGreaterThanOrEqual(pieces);
        for (const partial of partials)
          expect(partial.text.length).toBe(partial.tokens.filter((id) => id < 36).length);
      },
    };
  }

  it("disposing a model interrupts them", async () => {
    const { model, watched, expectAllInterrupted } = await open();
    model.dispose();
    expectNoMemory(model);
    await expectAllInterrupted((cause) => expect(cause).toBeInstanceOf(DisposedError));
    expect(() => model.generate(prompt)).toThrow(DisposedError);
    await model[Symbol.asyncDispose]();
    expectNoMemory(model);
    await watched.allClosed();
  });

  it("a lost device interrupts those on it", async () => {
    const { model, watched, expectAllInterrupted } = await open();
    for (const device of watched.devices) device.destroy();
    await expectAllInterrupted((cause) => {
      expect(cause).toBeInstanceOf(DeviceError);
      expect(cause).toMatchObject({ reason: "lost" });
    });
    expect(() => model.generate(prompt)).toThrow(/was lost/);
    expectIdle(model);
    await model[Symbol.asyncDispose]();
    expectNoMemory(model);
    await watched.allClosed();
  });
});

it("disposing a model interrupts a request whose prompt is still being encoded", async () => {
  const model = await Model.load(parts);
  await model.generate([1], { maxTokens: 1 });
  const handle = model.generate([1, 2]);
  model.dispose();
  const error = await rejection(Promise.resolve(handle));
  expect(error).toBeInstanceOf(GenerationInterruptedError);
  expect(error.cause).toBeInstanceOf(DisposedError);
  expectNoMemory(model);
});

it("a device that is lost leaves requests on another queue alone", async () => {
  const watched = await WatchedGpu.create();
  const model = await Model.load(parts, { gpu: watched.gpu, queues: 2, recover: false });
  const handles = Array.from({ length: 6 }, (_, index) => model.generate([index], { maxTokens: 40 }));
  await until(() => model.stats().generatedTokens > 0);
  watched.devices[1]!.destroy();
  const results = await Promise.allSettled(handles);
  const lost = results.filter(({ status }) => status === "rejected");
  expect(lost.length).toBe(3);
  for (const result of results)
    if (result.status === "fulfilled") expect(result.value.tokens).toHaveLength(40);
  await model[Symbol.asyncDispose]();
  expectNoMemory(model);
});

it("waits for the end of what was running when it is disposed of asynchronously", async () => {
  const model = await Model.load(parts);
  let isEnded = false;
  const handle = model.generate(prompt, options);
  void handle.catch(() => (isEnded = true));
  await model[Symbol.asyncDispose]();
  expect(isEnded).toBe(true);
});
