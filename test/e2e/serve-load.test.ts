// `weft serve` under load: connections that come at random, leave, and read slowly; then it is asked to end in the middle.
import { execFileSync } from "node:child_process";
import { afterEach, expect, it } from "vitest";
import { isLongRun } from "../helpers/long-run.js";
import { SeededRandom } from "../helpers/random.js";
import { endServers, post, start, type Served } from "./start-server.js";

afterEach(endServers);

const CONNECTIONS = 200;
const SECONDS = isLongRun() ? 120 : 20;
const MOST_TOKENS = 24;

/** How the answer to one request went. */
type Outcome = "complete" | "left" | "busy" | "ending" | "no connection";

interface Load {
  readonly url: string;
  /** What each seed's text is, with the most tokens. */
  readonly expected: readonly string[];
  readonly outcomes: Map<Outcome, number>;
  /** Milliseconds until the first token, and between later ones of an answer that is read at once. */
  readonly firstMs: number[];
  readonly intervalMs: number[];
  /** When no more requests are begun. */
  isOver: boolean;
  /** Whether the server has been asked to end. */
  isEnding: boolean;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const body = { prompt: "The little dog", max_tokens: MOST_TOKENS, logit_bias: { "0": -100 } };

/** One connection: waits, asks, reads in its own way, and so on. */
async function connect(load: Load, random: SeededRandom): Promise<void> {
  while (!load.isOver) {
    await wait(-2000 * Math.log(1 - random.uniform()));
    if (load.isOver) return;
    const outcome = await askOnce(load, random);
    load.outcomes.set(outcome, (load.outcomes.get(outcome) ?? 0) + 1);
  }
}

async function askOnce(load: Load, random: SeededRandom): Promise<Outcome> {
  const seed = Math.floor(4 * random.uniform());
  const max_tokens = 1 + Math.floor(MOST_TOKENS * random.uniform());
  const kind = random.uniform();
  const leavesAfter = kind < 0.15 ? Math.floor(10 * random.uniform()) : Infinity;
  const isSlow = kind > 0.85;
  const leaving = new AbortController();
  const beganMs = performance.now();
  let response: Response;
  try {
    response = await post(load.url, { ...body, seed, max_tokens, stream: true }, { signal: leaving.signal });
  } catch (error) {
    if (load.isEnding) return "no connection";
    throw error;
  }
  if (response.status === 429) {
    expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
    await response.text();
    return "busy";
  }
  if (response.status === 503 && load.isEnding) {
    await response.text();
    return "ending";
  }
  // What was accepted is answered to its end, whatever happens meanwhile.
  expect(response.status).toBe(200);
  let received = "";
  let lastMs: number | undefined;
  let pieces = 0;
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    received += value;
    const nowMs = performance.now();
    if (lastMs === undefined) load.firstMs.push(nowMs - beganMs);
    else if (!isSlow) load.intervalMs.push(nowMs - lastMs);
    lastMs = nowMs;
    if (++pieces > leavesAfter) {
      leaving.abort();
      return "left";
    }
    if (isSlow) await wait(200 * random.uniform());
  }
  const lines = received.split("\n").filter((line) => line.startsWith("data: "));
  expect(lines.at(-1)).toBe("data: [DONE]");
  const text = lines
    .slice(0, -1)
    .map((line) => JSON.parse(line.slice("data: ".length)).choices[0].text as string)
    .join("");
  expect(load.expected[seed]!.startsWith(text), text).toBe(true);
  return "complete";
}

const residentBytes = ({ child }: Served): number =>
  1024 * Number(execFileSync("ps", ["-o", "rss=", "-p", String(child.pid)], { encoding: "utf8" }));

const quantileOf = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;

const show = (values: readonly number[]): string =>
  [0.5, 0.95, 0.99].map((share) => quantileOf(values, share).toFixed(0)).join(" / ");

it(
  `answers ${CONNECTIONS} connections of all kinds for ${SECONDS} s, in constant memory, and ends without losing an answer`,
  { timeout: (SECONDS + 240) * 1000 },
  async () => {
    const served = await start(["--concurrent", "32", "--queue", "64"]);
    const { url, child, events, ended } = served;
    const expected = await Promise.all(
      [0, 1, 2, 3].map(async (seed) => {
        const { choices } = await (await post(url, { ...body, seed })).json();
        return choices[0].text as string;
      }),
    );
    const load: Load = {
      url,
      expected,
      outcomes: new Map(),
      firstMs: [],
      intervalMs: [],
      isOver: false,
      isEnding: false,
    };
    const connections = Promise.all(
      Array.from({ length: CONNECTIONS }, (_, index) => connect(load, new SeededRandom(index))),
    );
    const driven = (async (): Promise<readonly number[]> => {
      const sizes: number[] = [];
      for (let quarter = 0; quarter < 4; quarter++) {
        await wait(SECONDS * 250);
        sizes.push(residentBytes(served));
      }
      load.isEnding = true;
      child.kill("SIGTERM");
      await wait(300);
      load.isOver = true;
      return sizes;
    })();
    const [sizes] = await Promise.all([driven, connections]);
    expect(await ended).toBe(0);
    expect(events.at(-1)).toMatchObject({ event: "ended", isComplete: true });
    const { outcomes, firstMs, intervalMs } = load;
    for (const kind of ["complete", "left"] as const) expect(outcomes.get(kind)).toBeGreaterThan(20);
    // Memory after the first quarter, which fills caches, and at the end.
    expect(sizes[3]! / sizes[0]!).toBeLessThan(1.3);
    console.info(
      `${CONNECTIONS} connections, ${SECONDS} s: ${[...outcomes].map((own) => own.join(" ")).join(", ")}; ` +
        `first token ${show(firstMs)} ms, interval ${show(intervalMs)} ms (p50 / p95 / p99); ` +
        `memory ${sizes.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(", ")} MiB`,
    );
  },
);
