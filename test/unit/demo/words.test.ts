// What the page says while a model is being loaded.
import { expect, it } from "vitest";
import { describeLoading } from "../../../src/jobs/words.js";

const at = (loadedBytes: number, totalBytes?: number): string =>
  describeLoading("my-model", { phase: "download", file: "model.safetensors", loadedBytes, totalBytes });

it("says what loading is at, with the same words for all of a file", () => {
  expect(at(10, 2_140_000)).toBe("Loading my-model, 2.1 MB …");
  expect(at(1_000_000, 2_140_000)).toBe(at(10, 2_140_000));
  expect(at(10)).toBe("Loading my-model …");
  expect(describeLoading("my-model", { phase: "measuring" })).toMatch(/^Measuring/);
  expect(describeLoading("my-model", { phase: "compiling" })).toMatch(/^Compiling/);
});
