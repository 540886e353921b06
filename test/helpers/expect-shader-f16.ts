// Runs before every test file of the project whose adapter must have shader-f16. Without lavapipe its tests are skipped and
// counted; in CI they fail.
import { beforeAll, beforeEach, expect } from "vitest";
import { findGpu } from "../../src/gpu/find-gpu.js";

const missing = process.env["WEFT_LAVAPIPE_MISSING"];

beforeAll(async () => {
  if (missing !== undefined) {
    console.info(`the tests of this file are skipped, for want of shader-f16: ${missing}`);
    return;
  }
  const adapter = await (await findGpu()).requestAdapter();
  expect(adapter?.features.has("shader-f16"), `shader-f16 on ${adapter?.info.description}`).toBe(true);
});

beforeEach((context) => {
  if (missing === undefined) return;
  expect(process.env["WEFT_CI"], `CI must have lavapipe: ${missing}`).toBeFalsy();
  context.skip(missing);
});
