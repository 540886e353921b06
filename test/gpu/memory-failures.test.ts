// Every buffer that a call creates may find no memory. The call that needed it says so, the next one works with the same result,
// and nothing is left of the failure.
import { expect, it, vi } from "vitest";
import { GenerationInterruptedError } from "../../src/errors.js";
import type { QueueMemory } from "../../src/gpu/buffer.js";
import { Model } from "../../src/runtime/model.js";
import { makeWriter, writerVocabulary } from "../helpers/tiny-writer.js";
import { refuseBuffer, WatchedGpu } from "../helpers/watched-gpu.js";

const files = makeWriter({ vocabulary: writerVocabulary });

/** Texts whose options need every buffer of sampling, more of them than the first rows of counts hold. */
const write = (model: Model): Promise<unknown> =>
  Promise.all(
    Array.from({ length: 5 }, (_, index) =>
      model.generate([index + 1, 2, 3], {
        maxTokens: 6,
        temperature: 0,
        repetitionPenalty: 1.3,
        logitBias: { [index]: 2 },
      }),
    ),
  ).then((texts) => texts.map(({ tokens }) => tokens));

const calls = {
  generate: write,
  forward: async (model: Model): Promise<unknown> =>
    (
      await model.forward(
        [
          [1, 2, 3],
          [4, 5],
        ],
        { output: "all" },
      )
    ).logits,
  train: async (model: Model): Promise<unknown> => {
    const run = model.train(
      [
        [1, 2, 3],
        [4, 5],
      ],
      { steps: 1, batchTokens: 4 },
    );
    const losses: number[] = [];
    for await (const { loss } of run) losses.push(loss);
    return [losses, (await model.save()).weights];
  },
  save: async (model: Model): Promise<unknown> => (await model.save()).weights,
};

interface Undisturbed {
  /** The labels of all buffers that the call creates in a new model. */
  readonly labels: ReadonlySet<string>;
  readonly result: unknown;
  readonly live: object;
}

async function undisturbed(call: (model: Model) => Promise<unknown>): Promise<Undisturbed> {
  const watched = await WatchedGpu.create();
  await using model = await Model.load(files, { gpu: watched.gpu, queues: 1 });
  const [device] = watched.devices;
  const create = device!.createBuffer.bind(device);
  const labels = new Set<string>();
  device!.createBuffer = (descriptor) => {
    // Of training's buffers for every layer and parameter, those of the vocabulary stand for all.
    if (!/^(training|optimizer|gradient).*(-\d|positions|finalNorm)/.test(descriptor.label!))
      labels.add(descriptor.label!);
    return create(descriptor);
  };
  const result = await call(model);
  // The cache may still be growing for what has ended; it shrinks afterwards.
  await new Promise((resolve) => setTimeout(resolve, 500));
  return { labels, result, live: liveOf(model) };
}

function liveOf(model: Model): object {
  const [{ buffers, bytes }] = model.memory() as [QueueMemory];
  return { buffers, bytes };
}

const slow = { timeout: 600_000 };

it.each(Object.entries(calls))(
  "%s survives that any of its buffers finds no memory",
  slow,
  async (name, call) => {
    const { labels, result, live } = await undisturbed(call);
    expect(labels).toContain("readback");
    if (name === "generate") expect(labels.size).toBeGreaterThan(12);
    for (const label of labels) {
      const watched = await WatchedGpu.create();
      await using model = await Model.load(files, { gpu: watched.gpu, queues: 1 });
      const isRefused = refuseBuffer(watched.devices[0]!, label);
      const error: unknown = await call(model).catch((failure: unknown) => failure);
      expect(isRefused(), label).toBe(true);
      const cause = error instanceof GenerationInterruptedError ? error.cause : error;
      expect(cause, label).toMatchObject({ name: "DeviceError", reason: "out-of-memory" });
      expect(await call(model), label).toEqual(result);
      await vi.waitFor(() => expect(liveOf(model), label).toEqual(live), { timeout: 5000 });
    }
  },
);
