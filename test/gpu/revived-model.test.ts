// What `weft serve` does when a device is lost for real: the model is loaded again, and streams go on as if nothing had been.
import { expect, it } from "vitest";
import { RevivedModel } from "../../src/cli/serve/revived-model.js";
import { createHandler } from "../../src/openai/index.js";
import { Model } from "../../src/runtime/model.js";
import { repositoryFile } from "../helpers/data-files.js";
import { clientOf } from "../helpers/openai-client.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

it("a device that is lost in the middle of streams loses nothing of them", async () => {
  const watched = await WatchedGpu.create();
  const events: string[] = [];
  await using model = await RevivedModel.load({
    load: () =>
      Model.load(repositoryFile("src/demo/models/tinystories-gpt2"), { gpu: watched.gpu, queues: 1 }),
    onLost: ({ message }) => events.push(message),
    onRevived: () => events.push("revived"),
  });
  const client = clientOf(createHandler({ stories: model }));
  const body = { model: "stories", prompt: "Once upon a time", max_tokens: 40, seed: 11, n: 2 };
  const write = async (onChunk: (count: number) => void): Promise<string[]> => {
    const texts = ["", ""];
    let count = 0;
    for await (const { choices } of await client.completions.create({ ...body, stream: true })) {
      for (const { index, text } of choices) texts[index] += text;
      onChunk(++count);
    }
    return texts;
  };
  const expected = await write(() => undefined);
  const broken = await write((count) => {
    if (count === 20) watched.devices.at(-1)!.destroy();
  });
  expect(broken).toEqual(expected);
  expect(events).toEqual([expect.stringContaining("was lost"), "revived"]);
  expect(watched.devices.length).toBe(2);
});
