// Weights that are no finite numbers: every call says so, and requests that never meet them go on.
import { expect, it } from "vitest";
import { createModelParts, Model, type ModelParts } from "../../src/index.js";
import { rejection } from "../helpers/rejection.js";

const shape = { layers: 2, heads: 2, channels: 16, contextLength: 32, vocabularySize: 64, seed: 1 };

/** A new model with NaN at one position: sentences up to there do not meet it. */
const BROKEN_POSITION = 6;
function brokenParts(): ModelParts {
  const parts = createModelParts(shape);
  const { weights } = parts;
  const headerBytes = Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + headerBytes))) as Record<
    string,
    { readonly data_offsets: readonly [number, number] }
  >;
  const [name] = Object.keys(header).filter((own) => own.endsWith("wpe.weight"));
  const row = 4 * shape.channels;
  const at = 8 + headerBytes + header[name!]!.data_offsets[0] + BROKEN_POSITION * row;
  weights.fill(0xff, at, at + row); // NaN
  return { ...parts, weights };
}

it("is told by generate, score and forward, and batch mates go on", async () => {
  await using model = await Model.load(brokenParts(), { queues: 1 });
  const options = { temperature: 0, maxTokens: 4, stopTokens: [] };
  const [good, bad] = await Promise.allSettled([
    model.generate([1, 2], { ...options, maxTokens: 3 }),
    model.generate([1, 2, 3, 4, 5], options),
  ]);
  expect(good.status).toBe("fulfilled");
  expect(bad).toMatchObject({ status: "rejected", reason: { cause: { reason: "wrong-results" } } });
  const long = [1, 2, 3, 4, 5, 6, 7, 8];
  for (const call of [model.forward([[1, 2], long]), model.score([[1, 2], long])]) {
    const error = await rejection(call);
    expect(error).toMatchObject({ name: "DeviceError", reason: "wrong-results" });
    expect(error.message).toMatch(/sentence 1 hold NaN or an infinity/);
  }
  await model.forward([[1, 2, 3]]);
});
