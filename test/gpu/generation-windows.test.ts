// Layers that see a window keep only the pages that it touches: less memory, the same bits, whatever shares pages with whom.
import { describe, expect, it } from "vitest";
import type { ModelParts } from "../../src/files/source.js";
import { GenerationEngine } from "../../src/runtime/generate/engine.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { Model } from "../../src/runtime/model.js";
import { checkSampling } from "../../src/runtime/generate/sampling.js";
import { partsOf, randomTensors } from "../helpers/random-decoder.js";
import { SeededRandom } from "../helpers/random.js";
import { bits, watchLogits, type SeenLogits } from "../helpers/watch-logits.js";
import type { DecoderFile } from "../reference/decoder.js";

const V = 19;
const contextLength = 700;
const window = 40;
const shared = {
  vocab_size: V,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  max_position_embeddings: contextLength,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  sliding_window: window,
  rope_parameters: { rope_theta: 100, rope_type: "default" },
};
const kinds = {
  // Every layer has the window.
  mistral: {},
  // Every other layer has it.
  gemma2: {
    layer_types: ["sliding_attention", "full_attention"],
    query_pre_attn_scalar: 9,
    attn_logit_softcapping: 2,
    final_logit_softcapping: 3,
  },
};
const filesOf = (type: keyof typeof kinds, more: object = {}): ModelParts => {
  const file = { model_type: type, ...shared, ...kinds[type], ...more } as DecoderFile;
  return partsOf(file, randomTensors(file));
};

/** Slots of one text in pages of 4: its window, the block in which that begins, the rows of a step, and two more. */
const mostSlots = (window + 64 + 256) / 4 + 2;
const ids = (length: number): number[] => Array.from({ length }, (_, at) => (7 * at + (at % 5)) % V);

describe.each(["mistral", "gemma2"] as const)("%s", (type) => {
  it("keeps no more of a long text than its window and a step", async () => {
    /** What there is after a short and a long text, and the most pages during these. */
    const measure = async (own: object) => {
      await using model = await Model.load(filesOf(type, own), { cacheBytes: 1, cachePageTokens: 4 });
      const most = { cachePages: 0, windowPages: 0 };
      model.watchSteps(() => {
        const { cachePages, windowPages } = model.stats();
        most.cachePages = Math.max(most.cachePages, cachePages);
        most.windowPages = Math.max(most.windowPages, windowPages);
      });
      for (const length of [60, 600])
        await model.generate(ids(length), { temperature: 0, maxTokens: 30, stopTokens: [] });
      const { freeWindowPages, windowPages } = model.stats();
      expect(freeWindowPages).toBe(windowPages);
      return { ...most, bytes: model.memory()[0]!.bytes };
    };
    const pages = contextLength / 4 + 1;
    const { bytes, ...most } = await measure({});
    expect(most).toEqual({ cachePages: pages, windowPages: mostSlots });
    // A window as wide as the context keeps all.
    const whole = await measure({ sliding_window: contextLength });
    expect(whole).toMatchObject({ cachePages: pages, windowPages: 0 });
    // Keys and values of one head of 4 numbers; what is kept takes a table that says where pages are.
    const saved = (type === "mistral" ? 2 : 1) * (pages - mostSlots) * 4 * (2 * 4 * 4);
    expect(whole.bytes - bytes).toBeLessThanOrEqual(saved);
    expect(whole.bytes - bytes).toBeGreaterThanOrEqual(saved - 4 * pages);
  });

  it("gives the same text in any pages and company, also in f16", async () => {
    const texts = await write(type, { cachePageTokens: 4, cacheBytes: 1 }, true);
    expect(await write(type, { cachePageTokens: 28 }, false)).toEqual(texts);
  });

  it.each([4, 28])(
    "gives the bits of a fresh forward pass in random schedules, pages of %i",
    async (pageTokens) => {
      const files = filesOf(type);
      await using fresh = await Model.load(files);
      const loaded = await loadModel(files, { cachePageTokens: pageTokens });
      const random = new SeededRandom(5 + pageTokens);
      let [preemptions, sharedRows] = [0, 0];
      for (let round = 0; round < 4; round++) {
        const seen: SeenLogits = new Map();
        const reads: Promise<void>[] = [];
        const engine = new GenerationEngine(
          watchLogits(loaded.replicas[0]!, loaded, seen, reads),
          loaded.shape,
          {
            sliceTokens: 1 + random.integer(90),
            maxRunning: 3 + random.integer(5),
            // From one context, where requests are put back all the time, to room for most.
            cacheBytes: Math.max(0, round - 1) * 60_000 + 1,
          },
        );
        const texts = await Promise.all(
          Array.from({ length: 10 }, async (_, index) => {
            await new Promise((resolve) => setTimeout(resolve, random.integer(100)));
            return generate(engine, random, index);
          }),
        );
        await Promise.all(reads);
        const { stats } = engine;
        expect(stats).toMatchObject({ running: 0, waiting: 0 });
        expect([stats.freePages, stats.freeWindowPages]).toEqual([stats.cachePages, stats.windowPages]);
        preemptions += stats.preemptions;
        sharedRows += stats.sharedRows;
        const { logits } = await fresh.forward(
          texts.map(({ tokens }) => tokens.slice(0, -1)),
          { output: "all" },
        );
        for (const [index, { prompt, tokens }] of texts.entries())
          for (let position = prompt.length; position < tokens.length; position++) {
            const own = logits[index]!.subarray((position - 1) * V, position * V);
            expect(seen.get(`${index}@${position}`), `request ${index}, token ${position}`).toEqual(
              bits(own),
            );
          }
        engine.dispose(new Error("the round is over"));
      }
      for (const replica of loaded.replicas) {
        replica.arenas.trim();
        replica.disposeWeights();
        replica.queue.dispose();
        expect(replica.queue.memory).toMatchObject({ buffers: 0, bytes: 0 });
      }
      console.info(`${preemptions} times one was put back, ${sharedRows} rows were shared`);
      expect(preemptions).toBeGreaterThan(0);
      expect(sharedRows).toBeGreaterThan(0);
    },
  );
});

/** Long and short texts with the cache in f16, all at once or one after another. */
async function write(
  type: keyof typeof kinds,
  options: LoadOptions,
  isTogether: boolean,
): Promise<unknown[]> {
  await using model = await Model.load(filesOf(type), { ...options, cache: "f16" });
  const writeOne = async (length: number) => {
    const own = { temperature: 0, maxTokens: 40, stopTokens: [], logProbabilities: true };
    const { tokens, logProbabilities } = await model.generate(ids(length), own);
    return [tokens, logProbabilities];
  };
  const lengths = [30, 170, 333, 500];
  if (isTogether) return await Promise.all(lengths.map(writeOne));
  const texts: unknown[] = [];
  for (const length of lengths) texts.push(await writeOne(length));
  return texts;
}

interface Text {
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
}

function generate(engine: GenerationEngine, random: SeededRandom, seed: number): Promise<Text> {
  // Two beginnings, so that pages are shared, of lengths on either side of the window.
  const family = random.integer(2);
  const prompt = Array.from({ length: 1 + random.integer(500) }, (_, at) => (at * 7 + family + (at % 5)) % V);
  const count = 1 + random.integer(100);
  const tokens = [...prompt];
  return new Promise((resolve, reject) => {
    engine.add({
      id: seed,
      prompt,
      priority: random.integer(3),
      maxLength: prompt.length + count + random.integer(2),
      sampling: checkSampling({ temperature: 1, seed }, {}, V),
      onStart: () => undefined,
      onToken(token) {
        tokens.push(token);
        if (tokens.length < prompt.length + count) return true;
        resolve({ prompt, tokens });
        return false;
      },
      onError: reject,
    });
  });
}
