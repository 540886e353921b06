// Models that are quantised as they are loaded.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import { makeTinyModel } from "../helpers/tiny-model.js";

const prompts = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7]];

const rms = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);

describe.each(["q8", "q4"] as const)("a model with weights %s", (weights) => {
  const { parts } = makeTinyModel({ channels: 64, heads: 4, hidden: 96 });

  it("has the bits of a model in float32 with the same values, is near what it was, and is not trained", async () => {
    await using model = await Model.load(parts, { weights });
    expect(model.info.weights).toBe(weights);
    const { logits } = await model.forward(prompts, { output: "all", sliceTokens: 3 });
    // What is saved are the values that the quantised weights stand for.
    await using plain = await Model.load(await model.save());
    expect(plain.info.weights).toBe("f32");
    expect((await plain.forward(prompts, { output: "all" })).logits).toEqual(logits);
    expect(model.info.weightBytes).toBeLessThan(plain.info.weightBytes / (weights === "q8" ? 3 : 4));
    const options = { temperature: 0, maxTokens: 8, stopTokens: [] };
    expect((await model.generate(prompts[0]!, options)).tokens).toEqual(
      (await plain.generate(prompts[0]!, options)).tokens,
    );

    await using before = await Model.load(parts);
    const exact = (await before.forward(prompts, { output: "all" })).logits[0]!;
    // A weight is wrong by at most half a step, of which a block's largest has 127 or 8; some of these errors cancel.
    const error = rms(logits[0]!.map((value, index) => value - exact[index]!)) / rms(exact);
    expect(error).toBeLessThan(weights === "q8" ? 0.02 : 0.3);
    expect(error).toBeGreaterThan(0);
    expect(() => model.train([[1, 2, 3]], { steps: 1 })).toThrow(ArgumentError);
  });
});
