// Steps that share a dispatch, on real execution: the bits are those of step by step, in the arena and in caches of both formats.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { families } from "../../src/families/encoders/all-families.js";
import { readModelConfig } from "../../src/families/registry.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";
import type { GpuBuffer } from "../../src/gpu/buffer.js";
import { CommandList } from "../../src/gpu/command-list.js";
import { BufferUsage } from "../../src/gpu/flags.js";
import { Readback } from "../../src/gpu/readback.js";
import { serialAttention } from "../../src/kernels/attention/serial.js";
import { fewRowLinear } from "../../src/kernels/linear/few-row.js";
import { splitLinear } from "../../src/kernels/linear/split.js";
import { ArenaPool } from "../../src/model/arena/arena-pool.js";
import type { ModelDefinition } from "../../src/model/definition.js";
import { Forward, type CacheRows } from "../../src/model/forward.js";
import { compileForward } from "../../src/model/pipelines.js";
import { BatchRows, writeBlockTable, writeRowTable } from "../../src/model/rows.js";
import { keyValueRowBytes } from "../../src/model/shape.js";
import { listFileTensors } from "../../src/model/weights/file-tensors.js";
import { listParameters } from "../../src/model/weights/parameters.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import type { LoadedModel } from "../../src/runtime/load/loaded-model.js";
import type { CacheFormat } from "../../src/tensor/formats.js";
import { randomFloats } from "../helpers/random.js";

const decoder = {
  vocab_size: 19,
  hidden_size: 12,
  intermediate_size: 14,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 6,
  max_position_embeddings: 24,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  rope_theta: 100,
};
const encoder = {
  vocab_size: 19,
  hidden_size: 12,
  intermediate_size: 14,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 24,
};

const windows = {
  sliding_window: 5,
  layer_types: ["sliding_attention", "full_attention"],
  query_pre_attn_scalar: 9,
};

const kinds: Readonly<Record<string, object>> = {
  gpt2: { vocab_size: 19, n_embd: 12, n_layer: 2, n_head: 2, n_positions: 24 },
  llama: decoder,
  smollm3: { ...decoder, no_rope_layers: [1, 0] },
  qwen3: { ...decoder, head_dim: 8 },
  olmo2: { ...decoder, head_dim: undefined, hidden_size: 24, num_key_value_heads: 4 },
  granite: { ...decoder, residual_multiplier: 0.4 },
  gemma2: { ...decoder, ...windows },
  gemma3_text: { ...decoder, ...windows },
  nomic_bert: { ...encoder, hidden_act: "silu", rotary_emb_base: 100 },
};

/** Kernels that are compiled fast. */
const candidates = { linear: [fewRowLinear], attention: [serialAttention] };

/** Few rows are normalised within the dispatch of a product, if its kernel can do so; many by themselves. */
const runs = {
  "many rows": { lengths: [9, 1, 4], linear: fewRowLinear },
  "few rows": { lengths: [4, 1, 3], linear: splitLinear },
} as const;

/** Random weights for every tensor that files have. */
function randomParts(keys: object, modelType: string): ModelParts {
  const family = families.find(({ modelTypes }) => modelTypes.includes(modelType))!;
  const file = { model_type: modelType, architectures: [family.architectures[0]], ...keys };
  const { config } = readModelConfig(file, "config.json", families);
  const parameters = listParameters(config, family.recipe(config), family.tensors(config), { format: "f32" });
  const tensors = [...listFileTensors(parameters).values()].map(({ key, shape, outputs, inputs }, seed) => {
    const scale = inputs === 1 ? 0.1 : 0.6 / Math.sqrt(inputs);
    const gain = /norm.*weight$|ln_.*weight$/i.test(key) ? 1 : 0;
    const values = randomFloats(seed, outputs * inputs, scale).map((value) => gain + value);
    return { name: key, dtype: "F32", shape, bytes: new Uint8Array(values.buffer) };
  });
  return { config: file, weights: writeSafetensors(tensors) };
}

/** The same model with a dispatch for every step. */
const stepByStep = (definition: ModelDefinition): ModelDefinition => ({
  ...definition,
  fused: {
    segments: definition.program.segments.map(({ steps }) =>
      steps.map((step) => ({ kind: "step", step }) as const),
    ),
    values: definition.program.values,
  },
});

interface Stages {
  /** The bits of what is written, by name. */
  readonly bits: ReadonlyMap<string, Uint32Array>;
  readonly dispatches: number;
}

/** A pass over all tokens, with keys and values in the arena or in a cache whose rows are in the opposite order. */
async function runStages(
  { replicas }: LoadedModel,
  definition: ModelDefinition,
  cache: CacheFormat | undefined,
  { lengths, linear }: (typeof runs)[keyof typeof runs],
): Promise<Stages> {
  const { queue, weights, forward: loaded } = replicas[0]!;
  const { shape, config, fused } = definition;
  const choice = {
    linear: { few: linear, many: linear },
    attention: { few: serialAttention, many: serialAttention },
  };
  const pipelines = await compileForward(queue, definition, weights.parameters, choice, cache ?? "f32");
  const forward = new Forward(definition, weights, pipelines, loaded.angles);
  const arenas = new ArenaPool(queue, fused);
  const rows = new BatchRows([...lengths.keys()], lengths, shape.pageTokens);
  const arena = await arenas.acquire(rows.rows, cache ? 0 : 1);
  const tokens = lengths.map((length) =>
    Uint32Array.from({ length }, (_, token) => (7 * token + length) % 19),
  );
  // Pages of a cache in the opposite order.
  const pages = rows.pageTable();
  const slotOf = new Map<number, number>();
  const cachePages = Uint32Array.from(pages, (_, page) => (pages.length - 1 - page) * shape.pageTokens);
  let firstPage = 0;
  for (const [sentence, length] of lengths.entries()) {
    for (let token = 0; token < length; token++)
      slotOf.set(
        rows.rowOf(sentence, token),
        cachePages[firstPage + Math.floor(token / shape.pageTokens)]! + (token % shape.pageTokens),
      );
    firstPage += Math.ceil(length / shape.pageTokens);
  }
  arena.writeRows(rows.rowInfo(tokens), cache ? cachePages : pages);
  const slices = rows.runsOf(
    lengths.map((tokenCount, sentence) => ({
      kind: "slice" as const,
      sentence,
      segment: 0,
      firstToken: 0,
      tokenCount,
    })),
  );
  const usage = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget;
  const slots = pages.length * shape.pageTokens;
  const keyValues = cache
    ? Array.from({ length: config.layers }, (_, layer) =>
        queue.createBuffer(`test.cache-${layer}`, slots * keyValueRowBytes(shape, cache), usage),
      )
    : [];
  const sampled = queue.createBuffer("test.sampled", 4, usage);
  const reads = new Map<string, Readback>();
  let dispatches = 0;
  for (let segment = 0; segment <= config.layers; segment++) {
    const list = new CommandList(queue);
    const table = writeRowTable(queue.tables, slices);
    const slotEntry = queue.tables.reserve(rows.rows);
    for (let row = 0; row < rows.rows; row++) queue.tables.words[slotEntry + row] = slotOf.get(row)!;
    const own: CacheRows | undefined = cache && {
      keyValueOf: (layer) => keyValues[layer]!,
      firstEntryOf: () => slotEntry,
      pageTableOf: () => arena.pageTable,
      sampled,
    };
    const observe = (stage: string, buffer: GpuBuffer): void => {
      const bytes = keyValues.includes(buffer)
        ? buffer.sizeBytes
        : (buffer.sizeBytes / arena.rows) * rows.rows;
      const readback = new Readback(queue, bytes);
      readback.copy(list, buffer, 0, bytes);
      reads.set(stage, readback);
    };
    if (segment > 0)
      forward.encodeAttention(list, arena, segment - 1, writeBlockTable(queue.tables, slices), own, observe);
    forward.encodeSegment(list, arena, segment, table, own, observe);
    dispatches += list.dispatches;
    list.submit("stages");
  }
  const bits = new Map<string, Uint32Array>();
  for (const [stage, readback] of reads) bits.set(stage, new Uint32Array(await readback.read()));
  arena.dispose();
  for (const buffer of [...keyValues, sampled]) buffer.dispose();
  return { bits, dispatches };
}

describe.each(Object.entries(kinds))("the steps of %s", (modelType, keys) => {
  let model: LoadedModel | undefined;
  beforeAll(async () => {
    model = await loadModel(randomParts(keys, modelType), { queues: 1, cachePageTokens: 4 }, candidates);
  });
  afterAll(() => {
    for (const { queue, disposeWeights } of model?.replicas ?? []) {
      disposeWeights();
      queue.dispose();
    }
  });

  it.each(
    Object.entries(runs).flatMap(([name, run]) =>
      ([undefined, "f32", "f16"] as const).map((cache) => ({ name, run, cache })),
    ),
  )(
    "of $name give the bits of one by one, with keys and values in the cache $cache",
    async ({ run, cache }) => {
      const { definition } = model!;
      const { fused, program, config } = definition;
      const together = await runStages(model!, definition, cache, run);
      const apart = await runStages(model!, stepByStep(definition), cache, run);
      for (const [stage, own] of together.bits) expect(own, stage).toEqual(apart.bits.get(stage));
      expect(apart.dispatches).toBe(program.segments.flatMap(({ steps }) => steps).length + config.layers);
      const steps = fused.segments.flat();
      const extra =
        run.linear === splitLinear ? 0 : steps.filter(({ kind }) => kind === "normedProduct").length;
      expect(together.dispatches).toBe(steps.length + extra + config.layers);
      expect(together.dispatches).toBeLessThan(apart.dispatches);
    },
  );
});
