// Holds greedy texts against forward passes.
import type { Model } from "../../../index.js";

/** Writes after each of `prompts`. @throws when a greedy token is not the likeliest one in a forward pass over all tokens before it. */
export async function checkGreedy(
  model: Model,
  prompts: readonly (readonly number[])[],
  tokens: number,
): Promise<string> {
  const texts = prompts.map((prompt) => [...prompt]);
  const options = { temperature: 0, maxTokens: tokens, stopTokens: [] };
  const generated = await Promise.all(prompts.map((prompt) => model.generate(prompt, options)));
  for (let step = 0; step < tokens; step++) {
    const { logits } = await model.forward(texts);
    for (const [index, row] of logits.entries()) {
      const likeliest = row.indexOf(row.reduce((most, value) => Math.max(most, value), -Infinity));
      const received = generated[index]!.tokens[step];
      if (received !== likeliest)
        throw new Error(
          `the results are wrong, nothing was measured: token ${step} of text ${index} is ${received}, ` +
            `expected ${likeliest}`,
        );
      texts[index]!.push(likeliest);
    }
  }
  return `${texts.length} greedy texts of ${tokens} tokens are those of stepwise forward passes`;
}
