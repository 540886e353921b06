// A queue that measuring has shown to be of no use, on an adapter where it surely is of none.
import { expect, it, vi } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { makeTinyModel } from "../helpers/tiny-model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

vi.mock(import("../../src/tuning/queue-gain.js"), () => ({
  measureQueueGain: () => Promise.resolve({ small: 1, large: 0.98 }),
}));

it("is closed before the weights are loaded", async () => {
  const watched = await WatchedGpu.create();
  const { parts } = makeTinyModel({ contextLength: 20 });
  using model = await Model.load(parts, { gpu: watched.gpu, tune: true });
  expect(watched.devices).toHaveLength(2);
  await watched.devices[1]!.lost;
  expect(model.info.queues).toBe(1);
  expect(model.memory()).toHaveLength(1);
  expect(model.info.schedule.gain).toEqual({ small: 1, large: 0.98 });
});
