// A real chat model from its GGUF file as it is published (4 bits), against float64 over the dequantised weights.
import { expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { describeWithSharedModel, readJson } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { thirtyLayers } from "../helpers/tolerances.js";

interface Expected {
  readonly prompts: readonly {
    readonly name: string;
    readonly text: string;
    readonly ids: readonly number[];
    readonly last: readonly { readonly ids: readonly number[]; readonly logits: readonly number[] }[];
  }[];
  readonly greedy: readonly {
    readonly prompt: string;
    readonly tokens: readonly number[];
    readonly text: string;
    readonly stop: number | null;
  }[];
  readonly chats: readonly {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly ids: readonly number[];
    readonly answer: {
      readonly text: string;
      readonly tokens: readonly number[];
      readonly stop: number | null;
    };
  }[];
}

await describeWithSharedModel("smollm2-135m-instruct", 1, (folder) => {
  it("gives the recorded logits, texts and answers", async () => {
    const { prompts, greedy, chats } = (await readJson<Expected>(`${folder}/expected.json`))!;
    const path = `${folder}/SmolLM2-135M-Instruct.Q4_1.gguf`;
    await using model = await Model.load(path, { queues: 1 });
    expect(model.info.unexpectedTensors).toEqual([]);
    const own = prompts.filter(({ ids }) => ids.length <= 16);
    expect(own.length).toBeGreaterThan(3);
    const { logits } = await model.forward(own.map(({ ids }) => ids));
    for (const [index, { text, ids, last }] of own.entries()) {
      expect(await model.encode(text)).toEqual(ids);
      const wanted = last.at(-1)!;
      const found = wanted.ids.map((id) => logits[index]![id]!);
      expectClose(found, wanted.logits, thirtyLayers);
    }
    // Until the end token, which ends generation, of the two shortest.
    const [first] = greedy.filter(({ stop }) => stop !== null);
    const continued = await model.generate(first!.prompt, { maxTokens: 6, temperature: 0 });
    expect([...continued.tokens]).toEqual(first!.tokens.slice(0, 6));
    const [chat] = chats.filter(({ answer }) => answer.stop !== null && answer.stop < 12);
    const answer = await model.chat(chat!.messages, { temperature: 0 });
    expect(answer.text).toBe(chat!.answer.text);
    expect(answer.finishReason).toBe("stop");
  });
});
