// Trained decoders that people use, against outputs that other people's code computed.
import { expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import type { ChatMessage } from "../../src/text/chat-template.js";
import { describeWithSharedModel, readBytes, readJson, repositoryFile } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { readLlama2c, readLlama2cVocabulary } from "../helpers/llama2c.js";
import { readTensorFile } from "../helpers/oracles.js";
import { heldOutLoss, modelLogits, roundedTo } from "../helpers/tolerances.js";

const inBrowser = typeof document === "object";

await describeWithSharedModel(
  "llama-stories260k",
  2,
  (folder) => {
    it("writes 200 tokens as llama2.c does", async () => {
      const { prompt_ids: prompt, greedy_ids: ids } = (await readJson<{
        prompt_ids: number[];
        greedy_ids: number[];
      }>(`${folder}/expected_greedy_200.json`))!;
      await using model = await Model.load(readLlama2c(await readBytes(`${folder}/stories260K.bin`)));
      const maxTokens = ids.length - prompt.length;
      const { tokens } = await model.generate(prompt, { temperature: 0, maxTokens, stopTokens: [] });
      expect([...prompt, ...tokens]).toEqual(ids);
    });

    it("has the loss of each of a hundred stories", async () => {
      const expected = (await readJson<{
        mean_nll_nats_per_token: number;
        tokens: number;
        per_story: number[];
        story0_ids: number[];
      }>(`${folder}/expected_nll.json`))!;
      const stories = (await readJson<string[]>(`${folder}/../../corpora/tinystories_1000.json`))!;
      await using model = await Model.load(readLlama2c(await readBytes(`${folder}/stories260K.bin`)), {
        queues: 2,
      });
      const { vocabularySize, contextLength } = model.info.config;
      const encode = readLlama2cVocabulary(await readBytes(`${folder}/tok512.bin`), vocabularySize);
      const ids = stories.slice(0, 100).map((story) => [1, ...encode(story.trim())].slice(0, contextLength));
      expect(ids[0]).toEqual(expected.story0_ids);
      const scores = await model.score(ids);
      const losses = scores.map(({ sum, logProbabilities }) => -sum / logProbabilities.length);
      expectClose(losses, expected.per_story, roundedTo(5));
      const tokens = scores.reduce((sum, { logProbabilities }) => sum + logProbabilities.length, 0);
      expect(tokens).toBe(expected.tokens);
      const mean = -scores.reduce((sum, score) => sum + score.sum, 0) / tokens;
      expectClose([mean], [expected.mean_nll_nats_per_token], heldOutLoss);
    });
  },
  "expected_nll.json",
);

interface Chat {
  readonly name: string;
  readonly messages: readonly ChatMessage[];
  readonly ids: readonly number[];
  readonly answer: {
    readonly tokens: readonly number[];
    readonly text: string;
    readonly stop: number | null;
  };
}

interface SmolExpected {
  readonly prompts: readonly {
    readonly name: string;
    readonly text: string;
    readonly ids: readonly number[];
    readonly sumLogProb: number;
    readonly fullLogits?: string;
  }[];
  readonly chats: readonly Chat[];
}

await describeWithSharedModel("smollm2-135m-instruct", 2, (folder) => {
  it(
    "has the recorded logits and log-probabilities, and answers as recorded",
    { timeout: 900_000 },
    async (context) => {
      const model = await loadSmolLm(folder);
      if (!model) {
        console.info(
          "1 test of smollm2-135m-instruct left out: no out/smollm2, which the test in Node writes",
        );
        context.skip();
        return;
      }
      try {
        const { prompts, chats } = (await readJson<SmolExpected>(`${folder}/expected.json`))!;
        const logits = await readTensorFile(`${folder}/expected.safetensors`);
        const results = await model.forward(
          prompts.map(({ ids }) => ids),
          { output: "last" },
        );
        for (const [index, { fullLogits, text, ids }] of prompts.entries()) {
          if (fullLogits !== undefined)
            expectClose(results.logits[index]!, logits.get(fullLogits)!, modelLogits);
          expect(await model.encode(text)).toEqual(ids);
        }
        const long = prompts.filter(({ ids }) => ids.length > 1);
        const scores = await model.score(long.map(({ ids }) => ids));
        expectClose(
          scores.map(({ sum }) => sum),
          long.map(({ sumLogProb }) => sumLogProb),
          modelLogits,
        );
        const answers = await Promise.all(
          chats.map(({ messages, answer }) =>
            model.chat(messages, { temperature: 0, maxTokens: answer.tokens.length }),
          ),
        );
        for (const [index, { answer, name, ids }] of chats.entries()) {
          const { text, tokens, usage } = answers[index]!;
          expect(usage.promptTokens, name).toBe(ids.length);
          // It ends at the end token, where the recording goes on.
          const length = answer.stop === null ? answer.tokens.length : answer.stop + 1;
          expect([...tokens], name).toEqual(answer.tokens.slice(0, length));
          expect(text, name).toBe(answer.text);
        }
      } finally {
        model.dispose();
      }
    },
  );
});

/** Loads the folder that a script beside the GGUF file writes once, half a gigabyte. A page cannot run it. */
async function loadSmolLm(folder: string): Promise<Model | undefined> {
  const own = repositoryFile("out/smollm2");
  if (!inBrowser) {
    const { existsSync } = process.getBuiltinModule("node:fs");
    const { execFileSync } = process.getBuiltinModule("node:child_process");
    if (!existsSync(`${own}/model.safetensors`))
      execFileSync(process.execPath, [`${folder}/to-folder.mjs`, own]);
  }
  if (inBrowser && (await readJson(`${own}/config.json`)) === undefined) return undefined;
  return Model.load(own, { queues: 1 });
}
