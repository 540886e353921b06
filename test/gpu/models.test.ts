// Whole trained models on real execution, against outputs that other people's code computed.
import { describe, expect, it } from "vitest";
import { CommandList } from "../../src/gpu/command-list.js";
import { Readback } from "../../src/gpu/readback.js";
import { BatchRows, writeBlockTable, writeRowTable } from "../../src/model/rows.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import { Model } from "../../src/runtime/model.js";
import { describeWithSharedModel, readJson, repositoryFile } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { embeddedModel, heldOutLoss, modelLogits, modelStage } from "../helpers/tolerances.js";

interface TinyStoriesExpected {
  readonly prompts: readonly { readonly ids: number[]; readonly last_logits: number[] }[];
  readonly nll: {
    readonly mean_nats_per_token: number;
    readonly scored_tokens: number;
    readonly stories: readonly { readonly ids: number[] }[];
  };
}

await describeWithSharedModel("gpt2-nano-sort", 2, (folder) => {
  it("computes PyTorch's activations at every stage", async () => {
    const { input_ids: ids } = (await readJson<{ input_ids: number[][] }>(`${folder}/expected.json`))!;
    const partials = (await readJson<Record<string, { shape: number[]; data: string }>>(
      `${folder}/gpt-nano-sort-t0-partials.json`,
    ))!;
    const stages = await runStages(folder, ids);
    // PyTorch's names; entries without a layer are of layer 0. Projection, MLP input and MLP output are fused into
    // the stages after them, which are compared.
    const stageByPartial: Record<string, string> = {
      x: "embedding",
      ln1: "norm1.0",
      y: "attention.0",
      attnResid: "projection.0",
      ln2: "norm2.0",
      gelu: "up.0",
      mlpResid: "down.0",
      block0: "down.0",
      block1: "down.1",
      block2: "down.2",
      ln_f: "finalNorm",
    };
    for (const [partial, stage] of Object.entries(stageByPartial))
      expectClose(stages.get(stage)!, decodeFloats(partials[partial]!.data), modelStage);
    const qkv = decodeFloats(partials["qkv"]!.data);
    const C = 48;
    for (let row = 0; row < ids.flat().length; row++) {
      const from = row * 3 * C;
      const query = stages.get("query.0")!.subarray(row * C, (row + 1) * C);
      const keyValue = stages.get("keyValue.0")!.subarray(2 * row * C, 2 * (row + 1) * C);
      expectClose(query, qkv.subarray(from, from + C), modelStage);
      expectClose(keyValue, qkv.subarray(from + C, from + 3 * C), modelStage);
    }
  });

  it("computes PyTorch's logits, and sorts", async () => {
    const expected = (await readJson<{ input_ids: number[][]; logits: number[][][] }>(
      `${folder}/expected.json`,
    ))!;
    await using model = await Model.load(folder);
    const { logits } = await model.forward(expected.input_ids, { output: "all" });
    for (const [sentence, own] of logits.entries())
      expectClose(own, expected.logits[sentence]!.flat(), modelLogits);
  });
});

await describeWithSharedModel("gpt2-slm4096", 1, (folder) => {
  it("continues prompts word for word", async () => {
    const vocabulary = (await readJson<string[]>(`${folder}/vocab.json`))!;
    const { greedy } = (await readJson<{
      greedy: readonly { prompt_ids: number[]; ids: number[]; text: string }[];
    }>(`${folder}/expected.json`))!;
    await using model = await Model.load(folder);
    const { contextLength } = model.info.config;
    for (const { prompt_ids: promptIds, ids, text } of greedy) {
      // Each next token is the likeliest one after the last contextLength tokens before it.
      const windows = Array.from({ length: ids.length - promptIds.length }, (_, index) => {
        const end = promptIds.length + index;
        return ids.slice(Math.max(0, end - contextLength), end);
      });
      const { logits } = await model.forward(windows, { output: "last" });
      const continued = [...promptIds, ...logits.map(indexOfLargest)];
      expect(continued.map((id) => vocabulary[id]).join("")).toBe(text);
    }
  });
});

await describeWithSharedModel("tinystories-gpt2", 3, (folder) => {
  it("gives the float64 logits after five prompts", async () => {
    const { prompts } = (await readJson<TinyStoriesExpected>(`${folder}/expected.json`))!;
    await using model = await Model.load(folder, { queues: 2 });
    const { logits } = await model.forward(prompts.map(({ ids }) => ids));
    for (const [index, prompt] of prompts.entries())
      expectClose(logits[index]!, prompt.last_logits, modelLogits);
  });

  it("gives the float64 loss over 50 held-out stories", async () => {
    const { nll } = (await readJson<TinyStoriesExpected>(`${folder}/expected.json`))!;
    await using model = await Model.load(folder, { queues: 2 });
    const scores = await model.score(nll.stories.map(({ ids }) => ids));
    const tokens = scores.reduce((sum, { logProbabilities }) => sum + logProbabilities.length, 0);
    const loss = -scores.reduce((sum, score) => sum + score.sum, 0) / tokens;
    expect(tokens).toBe(nll.scored_tokens);
    expectClose([loss], [nll.mean_nats_per_token], heldOutLoss);
  });

  it("has an embedded F16 form whose logits are close to those of the F32 form", async () => {
    const { prompts } = (await readJson<TinyStoriesExpected>(`${folder}/expected.json`))!;
    await using model = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"));
    const { logits } = await model.forward(prompts.map(({ ids }) => ids));
    for (const [index, prompt] of prompts.entries())
      expectClose(logits[index]!, prompt.last_logits, embeddedModel);
  });
});

describe("the embedded model", () => {
  it("scores text as it scores the ids of the text behind its begin token", async () => {
    await using model = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"));
    const text = "Once upon a time, there was a little dog named Max.";
    const ids = [model.info.config.beginToken!, ...(await model.encode(text))];
    const [fromText, fromIds] = await model.score([text, ids]);
    expect(fromText).toEqual(fromIds);
    expect(fromText!.perplexity).toBeLessThan(20);
    expect(await model.decode(ids.slice(1))).toBe(text);
  });
});

/** Every stage of one unsliced forward pass, rows of all sentences one after another. */
async function runStages(folder: string, ids: readonly number[][]): Promise<Map<string, Float32Array>> {
  const model = await loadModel(folder, {});
  const replica = model.replicas[0]!;
  const { queue, forward, arenas } = replica;
  const lengths = ids.map(({ length }) => length);
  const batchRows = new BatchRows([...ids.keys()], lengths, model.shape.pageTokens);
  const arena = await arenas.acquire(batchRows.rows, 1);
  arena.writeRows(batchRows.rowInfo(ids.map((own) => Uint32Array.from(own))), batchRows.pageTable());
  const runs = batchRows.runsOf(
    lengths.map((tokenCount, sentence) => ({
      kind: "slice",
      sentence,
      segment: 0,
      firstToken: 0,
      tokenCount,
    })),
  );
  const reads = new Map<string, Readback>();
  for (let segment = 0; segment <= model.config.layers; segment++) {
    const list = new CommandList(queue);
    const observe = (stage: string, buffer: Parameters<typeof list.copy>[0]): void => {
      const bytes = (buffer.sizeBytes / arena.rows) * batchRows.rows;
      const readback = new Readback(queue, bytes);
      readback.copy(list, buffer, 0, bytes);
      reads.set(stage, readback);
    };
    if (segment > 0)
      forward.encodeAttention(
        list,
        arena,
        segment - 1,
        writeBlockTable(queue.tables, runs),
        undefined,
        observe,
      );
    forward.encodeSegment(list, arena, segment, writeRowTable(queue.tables, runs), undefined, observe);
    list.submit("stages");
  }
  const stages = new Map<string, Float32Array>();
  for (const [stage, readback] of reads) stages.set(stage, new Float32Array(await readback.read()));
  arena.dispose();
  replica.disposeWeights();
  queue.dispose();
  expect(queue.memory).toMatchObject({ buffers: 0, bytes: 0 });
  return stages;
}

function decodeFloats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer);
}

function indexOfLargest(values: Float32Array): number {
  return values.reduce((best, value, index) => (value > values[best]! ? index : best), 0);
}
