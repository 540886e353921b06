// Temporary, while the house is rebuilt: what is dispatched, and the bits that come out, are those of before. Only in Dawn
// on SwiftShader, where house-guard.json was recorded; WEFT_GUARD_RECORD=1 records anew.
import { afterEach, describe, expect, it } from "vitest";
import { CommandList } from "../../src/gpu/command-list.js";
import { Model } from "../../src/runtime/model.js";
import { readJson, repositoryFile } from "../helpers/data-files.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";

const inBrowser = typeof document === "object";
const recordFile = repositoryFile("test/gpu/house-guard.json");
// oxlint-disable-next-line typescript/unbound-method -- called with its own `this` below
const original = CommandList.prototype.dispatch;

afterEach(() => {
  CommandList.prototype.dispatch = original;
});

/** Every dispatch as a line: kernel, constants, parameters, grid. */
function watchDispatches(): string[] {
  const lines: string[] = [];
  CommandList.prototype.dispatch = function (this: CommandList, pipeline, bindings, params) {
    const { definition, constants } = pipeline.variant;
    const grid = definition.grid(params, constants);
    lines.push(JSON.stringify([definition.name, constants, params, grid]));
    original.call(this, pipeline, bindings, params);
  };
  return lines;
}

async function sha256(parts: readonly (ArrayBufferView<ArrayBuffer> | string)[]): Promise<string> {
  const bytes = parts.flatMap((part) => [
    ...(typeof part === "string"
      ? new TextEncoder().encode(part)
      : new Uint8Array(part.buffer, part.byteOffset, part.byteLength)),
  ]);
  const hash = await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const tiny = makeTinyModel({ contextLength: 24, layers: 2, tiedHead: false, headBias: true });
const sentences = makeSentences(3, 12, 24, 13).filter(({ length }) => length > 1);
const trainOptions = {
  steps: 5,
  batchTokens: 60,
  schedule: { peak: 1e-2, warmupSteps: 2 },
  shares: 3,
  seed: 9,
} as const;

async function record(): Promise<Record<string, unknown>> {
  const result: Record<string, unknown> = {};
  {
    await using model = await Model.load(tiny.parts, { queues: 1 });
    let lines = watchDispatches();
    await model.forward(sentences, { output: "all", sliceTokens: 5 });
    await model.score(sentences, { sliceTokens: 5 });
    result["forward"] = lines;
    lines = watchDispatches();
    await model.generate(sentences[0]!.slice(0, 4), { maxTokens: 4, temperature: 0.7, seed: 1 });
    result["generate"] = lines;
    lines = watchDispatches();
    for await (const { step } of model.train(sentences, { ...trainOptions, steps: 1 })) void step;
    result["train"] = lines;
    CommandList.prototype.dispatch = original;
  }
  {
    // Embedding and head in several bindings each, with bias: trained, so that their gradients are seen too.
    const wide = makeTinyModel({ vocabulary: 300, tiedHead: false, headBias: true, contextLength: 24 });
    await using model = await Model.load(wide.parts, { queues: 1, maxBindingBytes: 4096 });
    const own = makeSentences(4, 4, 9, 300).filter(({ length }) => length > 1);
    const lines = watchDispatches();
    const { logits } = await model.forward(own, { output: "all" });
    for await (const { step } of model.train(own, { ...trainOptions, steps: 2, batchTokens: 24 })) void step;
    result["shards"] = lines;
    CommandList.prototype.dispatch = original;
    result["shards logits"] = await sha256(logits);
    result["shards weights"] = await sha256([(await model.save()).weights]);
  }
  const folder = repositoryFile("src/demo/models/tinystories-gpt2");
  {
    await using model = await Model.load(folder, { queues: 1 });
    const stories = (await readJson<{ prompt: string }[]>(`${folder}/stories.json`))!;
    const texts = stories.map(({ prompt }) => prompt).slice(0, 64);
    const ids = await Promise.all(texts.map((text) => model.encode(text.slice(0, 80))));
    const { logits } = await model.forward(ids, { output: "all" });
    result["logits"] = await sha256(logits);
    const generated = await Promise.all(
      texts.slice(0, 16).map((text) => model.generate(text.slice(0, 30), { maxTokens: 24, temperature: 0 })),
    );
    result["texts"] = await sha256(generated.map(({ text }) => text));
  }
  for (const recompute of [false, true]) {
    await using model = await Model.load(tiny.parts, { queues: 1 });
    for await (const { step } of model.train(sentences, { ...trainOptions, recompute })) void step;
    result[`weights${recompute ? " recompute" : ""}`] = await sha256([(await model.save()).weights]);
  }
  let checkpoint: Uint8Array<ArrayBuffer> | undefined;
  {
    await using model = await Model.load(tiny.parts, { queues: 1 });
    const run = model.train(sentences, trainOptions);
    for await (const { step } of run) {
      if (step < 2) continue;
      checkpoint = await run.checkpoint();
      break;
    }
  }
  {
    await using model = await Model.load(tiny.parts, { queues: 1 });
    const run = model.train(sentences, { ...trainOptions, resume: checkpoint! });
    for await (const { step } of run) void step;
    result["weights resumed"] = await sha256([(await model.save()).weights]);
  }
  {
    await using model = await Model.load(folder, { queues: 1 });
    const texts = ["Once upon a time there was a cat.", "The cat was happy and played in the sun all day."];
    for await (const { step } of model.train(texts, { steps: 2, batchTokens: 40 })) void step;
    result["weights tinystories"] = await sha256([(await model.save()).weights]);
  }
  return result;
}

describe.skipIf(inBrowser)("the house guard", () => {
  it("sees the dispatches and bits of before", async () => {
    const now = await record();
    if (process.env["WEFT_GUARD_RECORD"]) {
      const { writeFileSync } = process.getBuiltinModule("node:fs");
      writeFileSync(recordFile, `${JSON.stringify(now, undefined, 1)}\n`);
      return;
    }
    const before = (await readJson<Record<string, unknown>>(recordFile))!;
    for (const [name, value] of Object.entries(before)) expect.soft(now[name], name).toEqual(value);
  }, 600_000);
});
