// The logits behind every generated token have the bits of a fresh forward pass over the same tokens, whatever shared the
// steps: batch mates, arrival order, slices, queues, shared pages, requests that were put back and computed again. With a cache in
// f16 they have the bits that a prompt of the same tokens gives, computed at once and alone.
import { expect, it } from "vitest";
import { GenerationEngine } from "../../src/runtime/generate/engine.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import type { LoadedModel } from "../../src/runtime/load/loaded-model.js";
import { Model } from "../../src/runtime/model.js";
import { checkSampling } from "../../src/runtime/generate/sampling.js";
import { SeededRandom } from "../helpers/random.js";
import { makeTinyModel } from "../helpers/tiny-model.js";
import { bits, watchLogits, type SeenLogits } from "../helpers/watch-logits.js";

const tiny = makeTinyModel({ contextLength: 70, vocabulary: 37, channels: 16, heads: 2, hidden: 24 });

it.each([
  { cachePageTokens: 4, cache: "f32" },
  { cachePageTokens: 16, cache: "f32" },
  { cachePageTokens: 28, cache: "f32" },
  { cachePageTokens: 4, cache: "f16" },
  { cachePageTokens: 28, cache: "f16" },
] as const)(
  "gives the bits of a fresh pass in random schedules, pages of $cachePageTokens in $cache",
  async ({ cachePageTokens, cache }) => {
    await using fresh = await Model.load(tiny.parts);
    const loaded = await loadModel(tiny.parts, { queues: 2, cachePageTokens, cache });
    const alone = await loadModel(tiny.parts, { cache });
    const random = new SeededRandom(11 + cachePageTokens);
    let requests = 0;
    let preemptions = 0;
    for (let round = 0; round < 7; round++) {
      const queues = 1 + random.integer(2);
      const seen: SeenLogits = new Map();
      const reads: Promise<void>[] = [];
      const engines = loaded.replicas.slice(0, queues).map(
        (replica) =>
          new GenerationEngine(watchLogits(replica, loaded, seen, reads), loaded.shape, {
            sliceTokens: 1 + random.integer(20),
            maxRunning: 1 + random.integer(12),
            // From one context, where requests are put back all the time, to room for all.
            cacheBytes: random.integer(3) * 40_000 + 1,
          }),
      );
      const texts = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          await new Promise((resolve) => setTimeout(resolve, random.integer(30)));
          return generate(engines[index % queues]!, random, round * 100 + index);
        }),
      );
      await Promise.all(reads);
      for (const engine of engines) {
        expect(engine.stats).toMatchObject({ running: 0, waiting: 0 });
        expect(engine.stats.freePages).toBe(engine.stats.cachePages);
        preemptions += engine.stats.preemptions;
      }
      if (cache === "f32") {
        const { logits } = await fresh.forward(
          texts.map(({ tokens }) => tokens.slice(0, -1)),
          { output: "all" },
        );
        for (const [index, { seed, prompt, tokens }] of texts.entries())
          for (let position = prompt.length; position < tokens.length; position++) {
            const own = logits[index]!.subarray((position - 1) * 37, position * 37);
            expect(seen.get(`${seed}@${position}`), `request ${seed}, token ${position}`).toEqual(bits(own));
          }
      } else {
        // The first and the last token of each text.
        for (const { seed, prompt, tokens } of texts)
          for (const position of new Set([prompt.length, tokens.length - 1]))
            expect(seen.get(`${seed}@${position}`), `request ${seed}, token ${position}`).toEqual(
              await logitsAfter(alone, tokens.slice(0, position)),
            );
      }
      requests += texts.length;
      for (const engine of engines) engine.dispose(new Error("the round is over"));
    }
    for (const replica of [...loaded.replicas, ...alone.replicas]) {
      replica.arenas.trim();
      replica.disposeWeights();
      replica.queue.dispose();
      expect(replica.queue.memory).toMatchObject({ buffers: 0, bytes: 0 });
    }
    console.info(`${requests} requests, ${preemptions} times one was put back`);
    expect(preemptions).toBeGreaterThan(0);
  },
);

interface Text {
  readonly seed: number;
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
}

function generate(engine: GenerationEngine, random: SeededRandom, seed: number): Promise<Text> {
  // Few different beginnings, so that pages are shared.
  const family = random.integer(3);
  const prompt = Array.from({ length: 1 + random.integer(50) }, (_, index) => (index * 7 + family) % 37);
  const count = 1 + random.integer(18);
  const tokens = [...prompt];
  const temperature = random.integer(2);
  return new Promise((resolve, reject) => {
    engine.add({
      id: seed,
      prompt,
      priority: random.integer(3),
      // Some might go on: what is in flight when they stop is lost.
      maxLength: prompt.length + count + random.integer(2),
      sampling: checkSampling({ temperature, seed, repetitionPenalty: 1 + random.integer(2) / 4 }, {}, 37),
      onStart: () => undefined,
      onToken(token) {
        tokens.push(token);
        if (tokens.length < prompt.length + count) return true;
        resolve({ seed, prompt, tokens });
        return false;
      },
      onError: reject,
    });
  });
}

/** The logits that follow a prompt which is computed in one step, by an engine of its own. */
async function logitsAfter(loaded: LoadedModel, prompt: readonly number[]): Promise<Uint32Array | undefined> {
  const seen: SeenLogits = new Map();
  const reads: Promise<void>[] = [];
  const engine = new GenerationEngine(watchLogits(loaded.replicas[0]!, loaded, seen, reads), loaded.shape, {
    sliceTokens: 70,
    maxRunning: 1,
    cacheBytes: 1,
  });
  await new Promise<void>((resolve, reject) => {
    engine.add({
      id: 1,
      prompt,
      priority: 0,
      maxLength: prompt.length + 1,
      sampling: checkSampling({ temperature: 0, seed: 7 }, {}, 37),
      onStart: () => undefined,
      onToken() {
        resolve();
        return false;
      },
      onError: reject,
    });
  });
  await Promise.all(reads);
  expect(engine.stats).toMatchObject({ steps: 1, computedRows: prompt.length });
  engine.dispose(new Error("the prompt is computed"));
  return seen.get(`7@${prompt.length}`);
}
