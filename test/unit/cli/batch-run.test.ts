// How requests of a batch are run: so many at once, again where that may help, and not at all where nothing can.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answerRequest } from "../../../src/cli/batch/answer-request.js";
import { forEachAtOnce } from "../../../src/cli/batch/at-once.js";
import { readRequest, type BatchRequest } from "../../../src/cli/batch/batch-request.js";
import { readResult, type BatchResult } from "../../../src/cli/batch/batch-result.js";
import { readEarlierResults, ResultFiles } from "../../../src/cli/batch/result-files.js";
import { runRequests, type FileRun } from "../../../src/cli/batch/run-file.js";
import type { Handler } from "../../../src/openai/index.js";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const never = new AbortController().signal;

async function* count(to: number): AsyncGenerator<number, void, undefined> {
  for (let index = 0; index < to; index++) yield index;
}

describe("jobs at once", () => {
  it("are so many, and hold no more items than that", async () => {
    let [running, most, taken] = [0, 0, 0];
    const items = (async function* () {
      for await (const item of count(20)) {
        taken++;
        yield item;
      }
    })();
    const done: number[] = [];
    await forEachAtOnce(items, 3, never, async (item) => {
      most = Math.max(most, ++running);
      expect(taken - done.length).toBeLessThanOrEqual(4);
      await turn();
      running--;
      done.push(item);
    });
    expect(most).toBe(3);
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it("end with the first failure, of which the others hear", async () => {
    const ended: string[] = [];
    const failing = forEachAtOnce(count(10), 3, never, async (item, signal) => {
      await turn();
      if (item === 1) throw new Error("one");
      while (!signal.aborted) await turn();
      ended.push(String(item));
      throw new Error("another");
    });
    await expect(failing).rejects.toThrow("one");
    expect(ended.toSorted()).toEqual(["0", "2"]);
  });

  it("end without one when they are asked to, and begin nothing more", async () => {
    const ending = new AbortController();
    const begun: number[] = [];
    await forEachAtOnce(count(10), 2, ending.signal, async (item, signal) => {
      begun.push(item);
      if (item === 1) ending.abort();
      while (!signal.aborted) await turn();
      signal.throwIfAborted();
    });
    expect(begun).toEqual([0, 1]);
  });
});

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "weft-batch-"))));
afterEach(() => rm(folder, { recursive: true }));

const request = (name: string, body: object = {}, url = "/v1/completions"): BatchRequest =>
  readRequest({ custom_id: name, method: "POST", url, body: { prompt: name, ...body } });

async function* requestsOf(...names: readonly string[]): AsyncGenerator<BatchRequest, void, undefined> {
  for (const name of names) yield request(name);
}

/** Answers with what `statuses` has for the prompt, in turn; the last one stays. */
function handlerOf(statuses: Readonly<Record<string, readonly number[]>>): {
  readonly handler: Handler;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const handler: Handler = async (own) => {
    const { prompt } = (await own.json()) as { prompt: string };
    const list = statuses[prompt] ?? [200];
    const status = list[Math.min(asked.filter((name) => name === prompt).length, list.length - 1)]!;
    asked.push(prompt);
    if (status < 400) return Response.json({ prompt }, { status });
    const code = status === 503 ? "model_unavailable" : null;
    return Response.json({ error: { message: `no ${prompt}`, code } }, { status });
  };
  return { handler, asked };
}

async function run(
  handler: Handler,
  names: readonly string[],
  options: Partial<FileRun> = {},
): Promise<BatchResult[]> {
  const paths = { output: join(folder, "out.jsonl") };
  const results = await ResultFiles.open(paths, await readEarlierResults(paths));
  try {
    await runRequests({
      handler,
      requests: requestsOf(...names),
      results,
      concurrency: 2,
      attempts: 3,
      signal: never,
      onResult: () => undefined,
      retryMs: 1,
      ...options,
    });
  } finally {
    await results.close();
  }
  const text = await readFile(paths.output, "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => readResult(line)!);
}

const statusesOf = (results: readonly BatchResult[]): Record<string, number> =>
  Object.fromEntries(results.map((own) => [own.custom_id, own.response!.status_code]));

describe("the requests of a batch", () => {
  it("are tried again where that may help, so often, and once where it is their own fault", async () => {
    const { handler, asked } = handlerOf({ late: [500, 429, 200], never: [500], wrong: [400] });
    const seen: boolean[] = [];
    const results = await run(handler, ["late", "never", "wrong"], {
      onResult: (isSuccess) => seen.push(isSuccess),
    });
    expect(statusesOf(results)).toEqual({ late: 200, never: 500, wrong: 400 });
    expect(asked.toSorted()).toEqual(["late", "late", "late", "never", "never", "never", "wrong"]);
    expect(seen.filter(Boolean)).toHaveLength(1);
  });

  it("stay without a result where the model answers nothing any more", async () => {
    const { handler } = handlerOf({ first: [200], second: [503], third: [503] });
    await expect(run(handler, ["first", "second", "third"], { concurrency: 1 })).rejects.toThrow(
      /^the model does not answer any more \("second" got status 503: no second\)/,
    );
    const left = await readFile(join(folder, "out.jsonl"), "utf8");
    expect(left.trimEnd().split("\n")).toHaveLength(1);
  });

  it("get a result where only one of them breaks the model", async () => {
    const { handler } = handlerOf({ poison: [503] });
    const names = ["poison", ...Array.from({ length: 40 }, (_, index) => `good ${index}`)];
    const slow: Handler = async (own) => {
      const response = await handler(own);
      await turn();
      return response;
    };
    const results = await run(slow, names, { retryMs: 5 });
    expect(statusesOf(results)["poison"]).toBe(503);
    expect(results).toHaveLength(41);
  });
});

const seedOf = async (own: BatchRequest): Promise<unknown> => {
  let seed: unknown;
  const handler: Handler = async (asked) => {
    ({ seed } = (await asked.json()) as { seed?: unknown });
    return Response.json({});
  };
  await answerRequest(handler, own, never);
  return seed;
};

describe("a request that is asked", () => {
  it("has its own seed, or one that follows from it", async () => {
    expect(await seedOf(request("a", { seed: 5 }))).toBe(5);
    const seeds = await Promise.all([request("a"), request("a"), request("b", { seed: null })].map(seedOf));
    expect(seeds[0]).toBe(seeds[1]);
    for (const seed of seeds) expect(Number.isSafeInteger(seed)).toBe(true);
    expect(seeds[2]).not.toBe(seeds[0]);
    // A route without seeds would refuse one.
    expect(await seedOf(request("a", {}, "/v1/embeddings"))).toBeUndefined();
  });

  it("throws what ends it", async () => {
    const ending = new AbortController();
    const handler: Handler = async () => {
      ending.abort(new Error("asked to end"));
      return Response.json({ error: { message: "closed" } }, { status: 499 });
    };
    await expect(answerRequest(handler, request("a"), ending.signal)).rejects.toThrow("asked to end");
  });
});
