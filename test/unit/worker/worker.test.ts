// What crosses between a page and the worker of its model: the API, errors, and what is handed over.
import { describe, expect, expectTypeOf, it } from "vitest";
import * as errors from "../../../src/errors.js";
import type { LoadOptions, Model, ModelSource, QueueMemory, TrainingRun } from "../../../src/index.js";
import { isPromptList } from "../../../src/util/prompt-list.js";
import { buffersOf } from "../../../src/worker/buffers.js";
import { errorOf, recordError } from "../../../src/worker/error-record.js";
import type { Promisified, WorkerModel } from "../../../src/worker/index.js";
import * as worker from "../../../src/worker/index.js";

describe("the API of a model in a worker", () => {
  it("has the members of a Model, each with its types, and promises for what answers at once", () => {
    expectTypeOf<keyof WorkerModel>().toEqualTypeOf<keyof Model>();
    type Plain = Exclude<keyof Model, "train">;
    type Wanted = Pick<Promisified<Model>, Plain>;
    type Found = Pick<WorkerModel, Plain>;
    expectTypeOf<[Wanted] extends [Found] ? true : false>().toEqualTypeOf<true>();
    expectTypeOf<[Found] extends [Wanted] ? true : false>().toEqualTypeOf<true>();
    expectTypeOf<WorkerModel["generate"]>().toEqualTypeOf<Model["generate"]>();
    expectTypeOf<WorkerModel["forward"]>().toEqualTypeOf<Model["forward"]>();
    expectTypeOf<WorkerModel["memory"]>().returns.toEqualTypeOf<Promise<QueueMemory[]>>();
    expectTypeOf<Parameters<WorkerModel["train"]>>().toEqualTypeOf<Parameters<Model["train"]>>();
    expectTypeOf<keyof ReturnType<WorkerModel["train"]>>().toEqualTypeOf<keyof TrainingRun>();
    type LoadArguments = Required<Parameters<typeof WorkerModel.load>>;
    expectTypeOf<LoadArguments[0]>().toEqualTypeOf<ModelSource>();
    expectTypeOf<Omit<LoadArguments[1], "shared">>().toEqualTypeOf<Omit<LoadOptions, "gpu">>();
  });

  it("comes with every error class", () => {
    const names = Object.keys(worker).filter((name) => name.endsWith("Error"));
    expect(names.toSorted()).toEqual(Object.keys(errors).toSorted());
  });

  it("cannot be had where there is no Worker", async () => {
    await expect(worker.WorkerModel.load("./nowhere/")).rejects.toMatchObject({
      name: "WorkerError",
      reason: "unsupported",
    });
    await expect(worker.WorkerModel.load("./nowhere/", { shared: "own" })).rejects.toMatchObject({
      name: "WorkerError",
      reason: "unsupported",
      message: expect.stringMatching(/Leave out `shared`/) as string,
    });
    await expect(worker.WorkerModel.load("./nowhere/", { shared: "" })).rejects.toMatchObject({
      name: "ArgumentError",
      argument: "shared",
    });
  });
});

const cause = new RangeError("why");
const remedy = "Do it.";
const each: readonly errors.WeftError[] = [
  new errors.ArgumentError({ argument: "a", expected: "b", received: [1], remedy }),
  new errors.ShapeError({ tensor: "a", expected: "b", received: "c", remedy }),
  new errors.FormatError({ file: "a", problem: "b", remedy, byteOffset: 3, cause }),
  new errors.FetchError({ url: "a", problem: "b", remedy, status: 404 }),
  new errors.StorageError({ reason: "full", problem: "a", cause }),
  new errors.DeviceError({ reason: "lost", problem: "b", remedy, cause }),
  new errors.ShaderError({ kernel: "a", lines: ["b"], source: "c" }),
  new errors.CancelledError("a", cause),
  new errors.DisposedError("a", "b"),
  new errors.GenerationInterruptedError({ text: "a" }, new errors.DisposedError("a", "b")),
  new errors.TrainingError({ step: 3, expected: "a", received: "b" }),
  new errors.WorkerError({ reason: "failed", problem: "a", remedy, cause }),
  new errors.WeftError("a"),
];

describe("an error that crosses", () => {
  it("is looked at for every class", () => {
    expect(new Set(each.map(({ name }) => name))).toEqual(new Set(Object.keys(errors)));
  });

  it.each(each.map((error) => [error.name, error] as const))("stays a %s, with all it has", (name, error) => {
    const received = errorOf(structuredClone(recordError(error))) as errors.WeftError;
    expect(received).toBeInstanceOf(error.constructor);
    expect(received.name).toBe(name);
    expect(Object.entries(received)).toEqual(Object.entries(error));
    expect([received.message, received.stack, String(received)]).toEqual([
      error.message,
      error.stack,
      String(error),
    ]);
    expect(String(received.cause)).toBe(String(error.cause));
    if (error.cause instanceof errors.WeftError) expect(received.cause).toBeInstanceOf(errors.WeftError);
  });

  it("may be anything that was thrown", () => {
    expect(errorOf(recordError("no error"))).toBe("no error");
    expect(errorOf(recordError(cause))).toMatchObject({ name: "RangeError", message: "why" });
  });
});

it("hands over every buffer once, however deep it lies", () => {
  const [one, two] = [new Float32Array(4), new Uint8Array(2)];
  const half = one.subarray(2);
  expect(buffersOf({ a: [one, half], b: { c: two }, d: "text", e: null, f: [1, 2] })).toEqual([
    one.buffer,
    two.buffer,
  ]);
});

it("tells lists of prompts from prompts that are lists", () => {
  for (const one of ["a", [1, 2], Uint32Array.of(1), [{ role: "user", content: "a" }]])
    expect(isPromptList<unknown>(one)).toBe(false);
  for (const several of [[], ["a"], [[1], [2]], [Uint32Array.of(1)], [[{ role: "user", content: "a" }]]])
    expect(isPromptList<unknown>(several)).toBe(true);
});
