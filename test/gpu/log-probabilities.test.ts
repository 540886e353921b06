// A token's log-probability is the same number whoever asks: generation, where it was chosen, or scoring of the whole text.
import { expect, it } from "vitest";
import { createModelParts, Model } from "../../src/index.js";

it("of generated tokens are those of scoring, bit by bit", async () => {
  // More words than one span of them.
  const parts = createModelParts({
    layers: 2,
    heads: 2,
    channels: 16,
    contextLength: 32,
    vocabularySize: 1500,
    seed: 4,
  });
  await using model = await Model.load(parts, { queues: 1 });
  const prompts = [[1, 2, 3], [40], [7, 7, 7, 7, 7]];
  const texts = await Promise.all(
    prompts.map((prompt, index) =>
      model.generate(prompt, {
        maxTokens: 6,
        temperature: 1 - index / 2,
        seed: 5,
        stopTokens: [],
        logProbabilities: true,
      }),
    ),
  );
  const scores = await model.score(texts.map(({ tokens }, index) => [...prompts[index]!, ...tokens]));
  for (const [index, { logProbabilities }] of texts.entries())
    expect(logProbabilities).toEqual(
      Array.from(scores[index]!.logProbabilities).slice(prompts[index]!.length - 1),
    );
});
