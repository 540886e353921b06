// What can happen to a model while it loads: cancelled, its device lost or out of memory. The promise rejects with a
// typed error, nothing hangs, and no device stays open.
import { describe, expect, it } from "vitest";
import { CancelledError, DeviceError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { SeededRandom } from "../helpers/random.js";
import { rejection } from "../helpers/rejection.js";
import { makeTinyModel } from "../helpers/tiny-model.js";
import { pretendOutOfMemory, WatchedGpu } from "../helpers/watched-gpu.js";

const tiny = makeTinyModel();

const load = (watched: WatchedGpu, options: LoadOptions): Promise<Model> =>
  Model.load(tiny.parts, { gpu: watched.gpu, queues: 2, ...options });

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("a cancelled load", () => {
  it("opens nothing when its signal is aborted before", async () => {
    const watched = await WatchedGpu.create();
    const reason = new Error("changed my mind");
    const error = await rejection(load(watched, { signal: AbortSignal.abort(reason) }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(error.cause).toBe(reason);
    expect(error.message).toMatch(/cancelled by its signal.*retry/);
    expect(watched.devices).toEqual([]);
  });

  it("closes its devices when the signal aborts while weights arrive", async () => {
    const watched = await WatchedGpu.create();
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const error = await rejection(load(watched, { signal: controller.signal, onProgress }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(watched.devices.length).toBe(2);
    await watched.allClosed();
  });

  it("closes the first device when the signal aborts before the second", async () => {
    const watched = await WatchedGpu.create();
    const controller = new AbortController();
    watched.onDevice = () => controller.abort();
    const error = await rejection(load(watched, { signal: controller.signal }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(watched.devices.length).toBe(1);
    await watched.allClosed();
  });

  it("closes its devices whenever the signal aborts", async () => {
    const random = new SeededRandom(11);
    const start = performance.now();
    const warm = await WatchedGpu.create();
    (await load(warm, {})).dispose();
    const loadMs = performance.now() - start;
    for (let attempt = 0; attempt < 2; attempt++) {
      const watched = await WatchedGpu.create();
      const controller = new AbortController();
      const loading = load(watched, { signal: controller.signal });
      const [model, error] = await Promise.all([
        loading.catch(() => undefined),
        loading.then(
          () => undefined,
          (reason: unknown) => reason,
        ),
        wait(random.uniform() * loadMs).then(() => controller.abort()),
      ]);
      if (model) model.dispose();
      else expect(error).toBeInstanceOf(CancelledError);
      await watched.allClosed();
    }
  });

  it("closes its devices when the progress callback throws", async () => {
    const watched = await WatchedGpu.create();
    const thrown = new Error("from the callback");
    const onProgress = (): void => {
      throw thrown;
    };
    expect(await rejection(load(watched, { onProgress }))).toBe(thrown);
    await watched.allClosed();
  });
});

describe("a load", () => {
  it("ends when a device is lost, and the other device is closed", async () => {
    for (const moment of ["opened", "weights arrive"]) {
      const watched = await WatchedGpu.create();
      const lose = (): void => watched.devices.at(-1)?.destroy();
      if (moment === "opened") watched.onDevice = lose;
      const onProgress = moment === "opened" ? (): void => undefined : lose;
      const error = await rejection(load(watched, { onProgress, recover: false }));
      expect(error).toBeInstanceOf(DeviceError);
      expect(error).toMatchObject({ reason: "lost" });
      expect(error.message).toMatch(/Queue [01]: the GPU device was lost \(.+\)\. Dispose this model/s);
      await watched.allClosed();
    }
  });

  it("ends when the device has no memory for the weights", async () => {
    const watched = await WatchedGpu.create();
    watched.onDevice = (device) => pretendOutOfMemory(device);
    const error = await rejection(load(watched, { queues: 1 }));
    expect(error).toMatchObject({ name: "DeviceError", reason: "out-of-memory" });
    expect(error.message).toMatch(/no room for the weights on 1 queues\. Load with fewer queues/);
    await watched.allClosed();
  });

  it("ends when a device is lost while its kernels are compiled", async () => {
    const watched = await WatchedGpu.create();
    watched.onDevice = (device) => {
      // A browser may never answer for a device that is gone.
      device.createComputePipelineAsync = () => new Promise<never>(() => undefined);
      void wait(200).then(() => device.destroy());
    };
    expect(await rejection(load(watched, { queues: 1, recover: false }))).toMatchObject({
      name: "DeviceError",
      reason: "lost",
    });
    await watched.allClosed();
  });
});

it("a disposed model leaves no listener on its device, which Dawn would keep for ever", async () => {
  const watched = await WatchedGpu.create();
  const listeners = new Map<unknown, string>();
  watched.onDevice = (device) => {
    const [add, remove] = [device.addEventListener.bind(device), device.removeEventListener.bind(device)];
    device.addEventListener = (type: string, listener: EventListener) => {
      listeners.set(listener, type);
      add(type, listener);
    };
    device.removeEventListener = (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    };
  };
  const model = await load(watched, { queues: 1 });
  expect([...listeners.values()]).toEqual(["uncapturederror"]);
  model.dispose();
  expect([...listeners.values()]).toEqual([]);
});
