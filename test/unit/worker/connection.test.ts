// The page's half of a model in a worker, against a worker that answers what a test says: every call ends, and just once.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CancelledError, DeviceError } from "../../../src/errors.js";
import type { Generation } from "../../../src/index.js";
import { Connection } from "../../../src/worker/connection.js";
import { recordError } from "../../../src/worker/error-record.js";
import { WorkerModel } from "../../../src/worker/index.js";
import { FakeWorker } from "../../helpers/fake-worker.js";
import { outcomes, rejection } from "../../helpers/rejection.js";

// Nothing here waits for anything: a call that never ends fails soon.
vi.setConfig({ testTimeout: 2000 });
beforeEach(() => FakeWorker.install());
afterEach(() => void vi.unstubAllGlobals());

const lost = new DeviceError({ reason: "lost", problem: "Gone", remedy: "Load again." });

describe("a connection to a worker", () => {
  it("gives each call its own answer, in whatever order they come", async () => {
    const connection = new Connection();
    const [first, second] = [connection.call("first", [1]), connection.call("second", [2])];
    const worker = FakeWorker.last;
    expect(worker.posted).toMatchObject([
      { method: "first", args: [1], isAborted: false },
      { method: "second", args: [2] },
    ]);
    worker.reply(
      { call: worker.numberOf("second"), value: "b" },
      { call: worker.numberOf("first"), value: "a" },
    );
    expect(await Promise.all([first, second])).toEqual(["a", "b"]);
    // One that comes twice, or of a call that nobody made, is nobody's.
    worker.reply({ call: worker.numberOf("first"), value: "c" }, { call: 99, value: "d" });
  });

  it("tells events of a call in their order, and none after its end", async () => {
    const connection = new Connection();
    const heard: unknown[] = [];
    const call = connection.call("count", [], { onEvent: (event) => void heard.push(event) });
    const worker = FakeWorker.last;
    const number = worker.numberOf("count");
    worker.reply({ call: number, event: 1 }, { call: number, event: 2 });
    worker.reply({ call: number, event: 3 }, { call: number, value: "end" }, { call: number, event: 4 });
    expect(await call).toBe("end");
    expect(heard).toEqual([1, 2, 3]);
  });

  it("ends a call whose listener throws, with what it throws, on both sides", async () => {
    const connection = new Connection();
    const error = new RangeError("deaf");
    const onEvent = (): void => {
      throw error;
    };
    const call = connection.call("count", [], { onEvent });
    const worker = FakeWorker.last;
    const number = worker.numberOf("count");
    worker.reply({ call: number, event: 1 }, { call: number, event: 2 }, { call: number, value: "end" });
    expect(await rejection(call)).toBe(error);
    expect(worker.posted.slice(1)).toEqual([{ abort: number }]);
  });

  it("passes on that a signal aborts, before and during a call but not after, with the page's reason", async () => {
    const connection = new Connection();
    const reason = { why: "enough" };
    const cancelled = { error: recordError(new CancelledError("The forward pass", "another reason")) };
    const aborting = new AbortController();
    const { signal } = aborting;
    const removed = vi.spyOn(signal, "removeEventListener");
    const during = connection.call("during", [], { signal });
    const worker = FakeWorker.last;
    const done = connection.call("done", [], { signal });
    worker.reply({ call: worker.numberOf("done"), value: 1 });
    await done;
    expect(removed).toHaveBeenCalledTimes(1);
    aborting.abort(reason);
    const before = connection.call("before", [], { signal });
    expect(worker.posted.slice(2)).toMatchObject([
      { abort: worker.numberOf("during") },
      { method: "before", isAborted: true },
    ]);
    for (const method of ["during", "before"]) worker.reply({ call: worker.numberOf(method), ...cancelled });
    for (const call of [during, before])
      expect(await rejection(call)).toMatchObject({ name: "CancelledError", cause: reason });
    expect(removed).toHaveBeenCalledTimes(3);
  });

  it("refuses what cannot be posted, and goes on", async () => {
    const connection = new Connection();
    const error = await rejection(connection.call("score", [() => 1]));
    expect(error).toMatchObject({ name: "ArgumentError", argument: "an argument of score" });
    const next = connection.call("next", []);
    FakeWorker.last.reply({ call: FakeWorker.last.numberOf("next"), value: 1 });
    expect(await next).toBe(1);
  });

  it.each([
    ["breaks", (worker: FakeWorker) => worker.crash("Uncaught Error: why"), /failed: Uncaught Error: why\./],
    ["is not there", (worker: FakeWorker) => worker.crash(""), /script could not be loaded/],
    [
      "cannot be understood",
      (worker: FakeWorker) => worker.dispatchEvent(new MessageEvent("messageerror")),
      /could not be read/,
    ],
  ])("fails every call once the worker %s", async (_, end, message) => {
    const connection = new Connection();
    const running = [connection.call("a", []), connection.open("b", []).result];
    const worker = FakeWorker.last;
    end(worker);
    const errors = await Promise.all([...running, connection.call("later", [])].map(rejection));
    for (const error of errors) expect(error).toMatchObject({ name: "WorkerError", reason: "failed" });
    expect(errors[0]!.message).toMatch(message);
    expect(worker.isTerminated).toBe(true);
    // The first reason stays, and nothing is posted to what has ended.
    connection.end(lost);
    expect(await rejection(connection.call("later", []))).toBe(errors[0]);
    expect(worker.posted).toHaveLength(2);
  });

  it("aborts no call that has ended", async () => {
    const connection = new Connection();
    const { result, abort, number } = connection.open("a", []);
    FakeWorker.last.reply({ call: number, value: 1 });
    await result;
    abort();
    connection.end(lost);
    abort();
    expect(FakeWorker.last.posted).toHaveLength(1);
  });
});

const figures = { memory: [{ buffers: 0, bytes: 0, peakBytes: 9 }], stats: { running: 0 } };

/** A model whose worker has answered that it is loaded. */
async function loaded(): Promise<WorkerModel> {
  const loading = WorkerModel.load("https://example.com/model/");
  const worker = FakeWorker.last;
  worker.reply({ call: worker.numberOf("load"), value: { info: { queues: 1 }, kept: {} } });
  return loading;
}

describe("a model in a worker", () => {
  it("is given up at once while it loads, whatever the worker does", async () => {
    const loading = new AbortController();
    const removed = vi.spyOn(loading.signal, "removeEventListener");
    const model = rejection(WorkerModel.load("https://example.com/", { signal: loading.signal }));
    loading.abort("left");
    expect(await model).toMatchObject({ name: "CancelledError", cause: "left" });
    expect(FakeWorker.last.isTerminated).toBe(true);
    expect(removed).toHaveBeenCalled();
    // Not even started.
    const { last } = FakeWorker;
    expect(
      await rejection(WorkerModel.load("https://example.com/", { signal: loading.signal })),
    ).toMatchObject({
      name: "CancelledError",
      cause: "left",
    });
    expect(FakeWorker.last).toBe(last);
  });

  it("is given up in the moment between the worker's answer and the model", async () => {
    const loading = new AbortController();
    const model = rejection(WorkerModel.load("https://example.com/", { signal: loading.signal }));
    const worker = FakeWorker.last;
    worker.reply({ call: worker.numberOf("load"), value: { info: {}, kept: {} } });
    loading.abort("left");
    expect(await model).toMatchObject({ name: "CancelledError", cause: "left" });
    expect(worker.isTerminated).toBe(true);
  });

  it("leaves no worker behind when it cannot be loaded", async () => {
    const loading = rejection(WorkerModel.load("https://example.com/"));
    const worker = FakeWorker.last;
    worker.reply({ call: worker.numberOf("load"), error: recordError(lost) });
    expect(await loading).toMatchObject({ name: "DeviceError", reason: "lost" });
    expect(worker.isTerminated).toBe(true);
  });

  it("is not cancelled by the signal of its loading once it is loaded", async () => {
    const loading = new AbortController();
    const pending = WorkerModel.load("https://example.com/", { signal: loading.signal });
    const worker = FakeWorker.last;
    worker.reply({ call: worker.numberOf("load"), value: { info: {}, kept: {} } });
    const model = await pending;
    loading.abort();
    expect(worker.isTerminated).toBe(false);
    const ids = model.encode("a");
    worker.reply({ call: worker.numberOf("encode"), value: [1] });
    expect(await ids).toEqual([1]);
  });

  it("answers what was running, then no more, when it is disposed", async () => {
    const model = await loaded();
    const worker = FakeWorker.last;
    const [answered, unanswered] = [rejection(model.encode("a")), rejection(model.save())];
    const handle = model.generate("a");
    model.dispose();
    model.dispose();
    expect(worker.posted.filter(({ method }) => method === "dispose")).toHaveLength(1);
    expect(worker.isTerminated).toBe(false);
    expect(await rejection(model.decode([1]))).toMatchObject({ name: "DisposedError" });
    expect(() => model.generate("b")).toThrow(expect.objectContaining({ name: "DisposedError" }) as Error);
    worker.reply(
      { call: worker.numberOf("encode"), error: recordError(lost) },
      { call: worker.numberOf("dispose"), value: figures },
    );
    expect(await answered).toMatchObject({ name: "DeviceError" });
    for (const call of [unanswered, rejection(Promise.resolve(handle))])
      expect(await call).toMatchObject({ name: "DisposedError" });
    expect([await model.memory(), await model.stats()]).toEqual([figures.memory, figures.stats]);
    expect(worker.isTerminated).toBe(true);
    await model[Symbol.asyncDispose]();
  });

  it.each([Symbol.dispose, Symbol.asyncDispose] as const)("ends with its block (%s)", async (symbol) => {
    const model = await loaded();
    const ended = model[symbol]();
    FakeWorker.last.reply({ call: FakeWorker.last.numberOf("dispose"), value: figures });
    await ended;
    await model.memory();
    expect(FakeWorker.last.isTerminated).toBe(true);
  });

  it("can be disposed when its worker breaks, also meanwhile", async () => {
    for (const isMeanwhile of [true, false]) {
      const model = await loaded();
      if (isMeanwhile) model.dispose();
      FakeWorker.last.crash("why");
      const thrown = expect.objectContaining({
        name: isMeanwhile ? "DisposedError" : "WorkerError",
      }) as Error;
      expect(() => model.generate("a")).toThrow(thrown);
      await model[Symbol.asyncDispose]();
      expect(await rejection(model.stats())).toMatchObject({ name: "WorkerError", reason: "failed" });
      expect(await rejection(model.encode("a"))).toMatchObject({ name: "DisposedError" });
    }
  });

  it("hands on pieces in their order, and what is cancelled before it began", async () => {
    const model = await loaded();
    const worker = FakeWorker.last;
    const handle = model.generate("a");
    const number = worker.numberOf("generate");
    handle.cancel();
    expect(worker.posted.at(-1)).toEqual({ abort: number });
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of handle) pieces.push(piece);
    })();
    for (const event of ["a", "b"]) worker.reply({ call: number, event });
    worker.reply({ call: number, event: "c" }, { call: number, value: { text: "abc" } as Generation });
    await reading;
    expect([pieces.join(""), (await handle).text]).toEqual(["abc", "abc"]);
  });

  it("calls a watcher no more once the watch has ended, and has what it throws be heard of", async () => {
    const heard: unknown[] = [];
    vi.stubGlobal("reportError", (error: unknown) => void heard.push(error));
    const model = await loaded();
    const worker = FakeWorker.last;
    const steps: unknown[] = [];
    const stop = model.watchSteps((step) => void steps.push(step));
    const first = worker.numberOf("watchSteps");
    const error = new RangeError("blind");
    model.watchSteps(() => {
      throw error;
    });
    const second = worker.numberOf("watchSteps");
    worker.reply({ call: first, event: 1 });
    stop();
    worker.reply({ call: first, event: 2 }, { call: second, event: 1 });
    worker.reply({ call: first, value: undefined }, { call: second, event: 2 });
    stop();
    worker.crash("why");
    await model[Symbol.asyncDispose]();
    expect([steps, heard]).toEqual([[1], [error]]);
    expect(worker.posted.filter(({ abort }) => abort !== undefined)).toEqual([
      { abort: first },
      { abort: second },
    ]);
  });

  it("rejects nothing that nobody waits for", async () => {
    const uncaught: unknown[] = [];
    const hear = (error: unknown): void => void uncaught.push(error);
    process.on("unhandledRejection", hear);
    const model = await loaded();
    model.generate(["a", "b"]);
    model.generate("a", { stop: (() => ".") as unknown as string });
    model.train(["a"], { steps: 1 });
    model.watchSteps(() => undefined);
    FakeWorker.last.crash("why");
    model.dispose();
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off("unhandledRejection", hear);
    expect(uncaught).toEqual([]);
  });
});

const giveNothing = (): object => ({ value: undefined });

describe("a training run in a worker", () => {
  it.each([
    ["is done", { value: undefined }, ["train", "nextStep", "nextStep", "endRun"]],
    ["fails", { error: recordError(lost) }, ["train", "nextStep", "nextStep", "endRun"]],
    ["is left", undefined, ["train", "nextStep", "endRun"]],
  ])("asks for a step at a time, and gives the run back when its loop %s", async (_, last, methods) => {
    const model = await loaded();
    const worker = FakeWorker.last;
    worker.posted.length = 0;
    const run = model.train(["a"], { steps: 2 });
    expect(await rejection(run.checkpoint())).toMatchObject({ name: "ArgumentError" });
    expect(worker.posted).toEqual([]);
    const steps = [{ value: { step: 1 } }, last];
    worker.automatic = { train: giveNothing, nextStep: () => steps.shift()!, endRun: giveNothing };
    const seen: unknown[] = [];
    const ended = outcomes([
      (async () => {
        for await (const step of run) {
          seen.push(step);
          if (!last) break;
        }
      })(),
    ]);
    expect(await ended).toEqual([
      last && "error" in last ? expect.objectContaining({ reason: "lost" }) : undefined,
    ]);
    expect(seen).toEqual([{ step: 1 }]);
    expect(worker.posted.map(({ method }) => method)).toEqual(methods);
    for (const { args } of worker.posted.slice(1)) expect(args).toEqual([worker.numberOf("train")]);
    expect(await rejection(run.checkpoint())).toMatchObject({ name: "ArgumentError" });
    expect(await rejection(run[Symbol.asyncIterator]().next())).toMatchObject({ received: '"a second one"' });
    expect(worker.posted).toHaveLength(methods.length);
  });

  it("is left in peace by a loop that ends after the worker", async () => {
    const model = await loaded();
    const worker = FakeWorker.last;
    worker.automatic = { train: giveNothing, nextStep: () => ({ value: { step: 1 } }) };
    for await (const { step } of model.train(["a"], { steps: 2 })) {
      expect(step).toBe(1);
      worker.crash("why");
      break;
    }
  });
});
