// A queue on Redis: workers that share it, what is left of one that is killed, dead letters, and what is given back.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { readRequest, type BatchRequest } from "../../src/cli/batch/batch-request.js";
import { resultId, type BatchResult } from "../../src/cli/batch/batch-result.js";
import type { QueuePlace } from "../../src/cli/batch/options.js";
import { openQueue, type BatchQueue } from "../../src/cli/batch/redis/bullmq.js";
import { collectResults } from "../../src/cli/batch/redis/collect-results.js";
import { QueueWorker, type QueueEvent } from "../../src/cli/batch/redis/queue-worker.js";
import { sendRequests } from "../../src/cli/batch/redis/send-requests.js";
import type { Handler } from "../../src/openai/index.js";
import type { Json } from "../helpers/api-calls.js";
import {
  comparable,
  countLines,
  readJsonLines,
  storyRequests,
  writeJsonLines,
} from "../helpers/batch-files.js";
import { findRedisServer, startRedis, type RedisServer } from "../helpers/redis-server.js";
import { expectBuilt, root, runCommand, type Ended, type RunStartOptions } from "./run-start.js";

const found = findRedisServer();
if ("missing" in found) console.info(`left out: ${found.missing}`);

let redis: RedisServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-batch-"));
  if ("path" in found) redis = await startRedis(found.path);
});
afterAll(async () => {
  await redis?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
};
const never = new AbortController().signal;

interface StartedWorker {
  readonly child: ChildProcess;
  readonly events: readonly Json[];
  readonly ended: Promise<number | null>;
}

/** Starts a worker by the built command, and waits until it answers the queue. */
async function startWorker(name: string, ...args: readonly string[]): Promise<StartedWorker> {
  expectBuilt("dist/cli/batch.js", "dist/openai.js");
  const child = spawn(
    process.execPath,
    ["dist/cli/batch.js", "--redis", redis.url, "--queue", name, "--json", ...args],
    { cwd: root, env: { ...process.env, INIT_CWD: root }, stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(child);
  const ended = once(child, "close").then(([code]) => code as number | null);
  const events: Json[] = [];
  createInterface(child.stdout).on("line", (line) => events.push(JSON.parse(line)));
  await until(() => events.some(({ event }) => event === "working") || child.exitCode !== null);
  return { child, events, ended };
}

const eventsOf = ({ events }: StartedWorker, name: string): Json[] =>
  events.filter(({ event }) => event === name);

const placeOf = (name: string): QueuePlace => ({ url: redis.url, name });

async function openTestQueue(name: string): Promise<BatchQueue> {
  const queue = await openQueue(placeOf(name), (error) => console.error(error));
  onTestFinished(() => queue.close());
  return queue;
}

describe.skipIf("missing" in found)("a queue on Redis", () => {
  it("has its requests answered by two workers, of which one is killed as who collects is: none is lost, none comes twice", async () => {
    const requests = storyRequests(16, 30);
    const input = join(folder, "in.jsonl");
    await writeJsonLines(input, requests);
    const options = ["--concurrency", "2", "--lease", "3"];
    const alone = join(folder, "alone.jsonl");
    const [whole, first, second] = await Promise.all([
      runCommand("batch", ["--input", input, "--output", alone]),
      startWorker("stories", ...options),
      startWorker("stories", ...options, "--port", "0"),
    ]);
    expect(whole.code).toBe(0);
    const output = join(folder, "collected.jsonl");
    const place = ["--redis", redis.url, "--queue", "stories"];
    const collectFile = (signal?: RunStartOptions["signal"]): Promise<Ended> =>
      runCommand("batch", [...place, "--input", input, "--output", output], signal ? { signal } : {});
    const killed = collectFile({ name: "SIGKILL", afterOutput: "Answered " });
    await until(() => eventsOf(first, "answered").length >= 2);
    first.child.kill("SIGKILL");
    expect(await first.ended).toBeNull();
    const { url } = second.events.find(({ event }) => event === "working");
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
    expect((await fetch(`${url}/v1/models`)).status).toBe(404);
    expect((await killed).code).toBeNull();
    const collected = await collectFile();
    expect(collected.code).toBe(0);
    expect(collected.output).toMatch(/^resumed +\d+ of 16 were answered before$/m);
    expect(collected.output).toMatch(/^sent +\d+ to the queue stories$/m);
    expect(comparable(await readJsonLines(output))).toEqual(comparable(await readJsonLines(alone)));
    expect(eventsOf(second, "stalled").length).toBeGreaterThanOrEqual(1);
    const queue = await openTestQueue("stories");
    const counts = Object.values(await queue.getJobCounts());
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(0);
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(0);
  });

  it("keeps what was sent while nobody works or collects, and gives what is cancelled back", async () => {
    const input = join(folder, "later.jsonl");
    await writeJsonLines(input, storyRequests(4, 3));
    const place = ["--redis", redis.url, "--queue", "later", "--input", input];
    expect((await runCommand("batch", place)).code).toBe(0);
    // Once more changes nothing.
    expect((await runCommand("batch", place)).code).toBe(0);
    const queue = await openTestQueue("later");
    expect(await queue.getWaitingCount()).toBe(4);
    const output = join(folder, "later-out.jsonl");
    const collecting = runCommand("batch", [...place, "--output", output], {
      signal: { name: "SIGINT", afterOutput: "sent " },
    });
    expect((await collecting).code).toBe(130);
    expect(await countLines(output)).toBe(0);
    const cancelled = await runCommand("batch", [...place, "--cancel"]);
    expect([cancelled.code, cancelled.output]).toEqual([0, expect.stringMatching(/^cancelled +4 of 4$/m)]);
    expect(await queue.getWaitingCount()).toBe(0);
  });

  it("is asked for where there is none", async () => {
    const { code, errors } = await runCommand("batch", ["--redis", "redis://user:secret@127.0.0.1:1"]);
    expect([code, errors]).toEqual([
      1,
      expect.stringMatching(
        /^weft: --redis: expected a Redis that answers at 127\.0\.0\.1:1, received: .*ECONNREFUSED/,
      ),
    ]);
    expect(errors).not.toContain("secret");
  });
});

const request = (name: string): BatchRequest =>
  readRequest({ custom_id: name, method: "POST", url: "/v1/completions", body: { prompt: name } });

async function* requestsOf(...names: readonly string[]): AsyncGenerator<BatchRequest, void, undefined> {
  for (const name of names) yield request(name);
}

const send = (queue: BatchQueue, names: readonly string[], attempts: number): Promise<void> =>
  sendRequests(queue, requestsOf(...names), { attempts, signal: never, onSent: () => undefined });

async function collect(queue: BatchQueue, names: readonly string[]): Promise<Record<string, BatchResult>> {
  const results: BatchResult[] = [];
  const pending = new Map(names.map((name) => [resultId(request(name)), name]));
  const missing = await collectResults(queue, pending, {
    signal: never,
    onResult: async (result) => void results.push(result),
  });
  expect(missing).toBe(0);
  expect(results).toHaveLength(names.length);
  return Object.fromEntries(results.map((result) => [result.custom_id, result]));
}

async function startTestWorker(
  name: string,
  handler: Handler,
): Promise<{ readonly worker: QueueWorker; readonly events: readonly QueueEvent[] }> {
  const events: QueueEvent[] = [];
  const worker = await QueueWorker.start(placeOf(name), {
    handler,
    concurrency: 2,
    leaseMs: 2000,
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => worker.end(0, AbortSignal.abort()));
  return { worker, events };
}

const promptOf = async (asked: Request): Promise<string> =>
  ((await asked.json()) as { prompt: string }).prompt;

describe.skipIf("missing" in found)("a worker of a queue", () => {
  it("tries again what may go better, and leaves dead letters, which can be sent once more", async () => {
    const queue = await openTestQueue("letters");
    const tries: Record<string, number> = {};
    let isWell = false;
    const { events } = await startTestWorker("letters", async (asked) => {
      const prompt = await promptOf(asked);
      const own = (tries[prompt] = (tries[prompt] ?? 0) + 1);
      const status = prompt === "wrong" ? 400 : !isWell && (prompt === "bad" || own === 1) ? 500 : 200;
      return Response.json(status < 400 ? { prompt } : { error: { message: "no" } }, { status });
    });
    const names = ["late", "bad", "wrong"];
    await send(queue, names, 2);
    const results = await collect(queue, names);
    expect(results["late"]!.response!.status_code).toBe(200);
    expect(results["wrong"]!.response!.status_code).toBe(400);
    expect(results["bad"]).toEqual({
      id: resultId(request("bad")),
      custom_id: "bad",
      response: null,
      error: { code: "request_failed", message: "status 500: no" },
    });
    expect(tries).toEqual({ late: 2, bad: 2, wrong: 1 });
    expect(events.filter((event) => event.kind === "failed" && event.isLast)).toHaveLength(1);
    // The dead letter is still there, and nothing else.
    expect(await queue.getJobCounts("failed", "completed", "wait", "delayed")).toEqual({
      failed: 1,
      completed: 0,
      wait: 0,
      delayed: 0,
    });
    isWell = true;
    await send(queue, ["bad"], 2);
    expect((await collect(queue, ["bad"]))["bad"]!.response!.status_code).toBe(200);
    await queue.add("request", { custom_id: "x", body: {} }, { jobId: "foreign", attempts: 5 });
    await until(async () => (await queue.getJobState("foreign")) === "failed");
    expect((await queue.getJob("foreign"))!.failedReason).toBe('method: expected "POST", received nothing');
  });

  it("gives back what it can't end in time, and another answers it", async () => {
    const queue = await openTestQueue("back");
    let asked = 0;
    const { worker } = await startTestWorker("back", async (own) => {
      asked++;
      await new Promise((resolve) => own.signal.addEventListener("abort", resolve, { once: true }));
      return Response.json({}, { status: 499 });
    });
    await send(queue, ["a", "b", "c"], 1);
    await until(() => asked >= 2);
    await worker.end(50, never);
    expect(await queue.getJobCounts("wait", "active")).toEqual({ wait: 3, active: 0 });
    await startTestWorker("back", async (own) => Response.json({ prompt: await promptOf(own) }));
    const results = await collect(queue, ["a", "b", "c"]);
    expect(Object.values(results).map(({ response }) => response!.status_code)).toEqual([200, 200, 200]);
  });

  it("goes on when Redis is killed and comes back: none is lost, none comes twice", async () => {
    const own = await startRedis("path" in found ? found.path : "");
    try {
      const place = { url: own.url, name: "restart" };
      const problems: string[] = [];
      const queue = await openQueue(place, ({ message }) => problems.push(message));
      let asked = 0;
      const worker = await QueueWorker.start(place, {
        handler: async () => {
          asked++;
          await new Promise((resolve) => setTimeout(resolve, 100));
          return Response.json({});
        },
        concurrency: 2,
        leaseMs: 2000,
        onEvent: () => undefined,
      });
      const names = Array.from({ length: 20 }, (_, index) => `story ${index}`);
      await send(queue, names, 1);
      const collecting = collect(queue, names);
      await until(() => asked >= 5);
      await own.stop();
      await until(() => problems.length > 0);
      await own.start();
      expect(Object.keys(await collecting)).toHaveLength(20);
      await worker.end(0, never);
      await queue.close();
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });

  it("says when its model answers nothing any more", async () => {
    const queue = await openTestQueue("broken");
    const gone = { error: { message: "the device was lost", code: "model_unavailable" } };
    const { worker } = await startTestWorker("broken", async () => Response.json(gone, { status: 503 }));
    await send(queue, ["a"], 3);
    await until(() => worker.broken.aborted);
    expect(worker.broken.reason).toBe("status 503: the device was lost");
    await worker.end(0, never);
    expect(await queue.getJobState(resultId(request("a")))).toBe("delayed");
  });
});
