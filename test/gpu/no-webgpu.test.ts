// An environment without WebGPU, in a file of its own: what was found before is remembered.
import { afterEach, expect, it, vi } from "vitest";
import { DeviceError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import { rejection } from "../helpers/rejection.js";
import { makeTinyModel } from "../helpers/tiny-model.js";

afterEach(() => vi.unstubAllGlobals());

it("is said to be missing where there is none", async () => {
  const tiny = makeTinyModel();
  vi.stubGlobal("navigator", {});
  // In Node, Dawn is looked for; the test's own runner needs a process.
  vi.stubGlobal("process", { ...globalThis.process, versions: {} });
  const error = await rejection(Model.load(tiny.parts));
  vi.unstubAllGlobals();
  expect(error).toBeInstanceOf(DeviceError);
  expect(error).toMatchObject({ reason: "no-webgpu" });
  expect(error.message).toMatch(/no WebGPU \(navigator\.gpu is undefined\)\. Use a browser/);
});
