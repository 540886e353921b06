// Whole models in GGUF as they are read: their weights and configuration, computed in float64, against the outputs that
// another implementation computed. And broken models: each is refused before anything of it is computed.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FetchError, FormatError, ShapeError } from "../../../src/errors.js";
import { MemoryFolder } from "../../../src/files/memory-folder.js";
import { readTensors } from "../../../src/files/read-tensors.js";
import { defineModel } from "../../../src/model/definition.js";
import { listParameters, type Parameter } from "../../../src/model/weights/parameters.js";
import type { ModelDefinition } from "../../../src/model/definition.js";
import { openModelFiles, type ModelFiles } from "../../../src/runtime/load/model-files.js";
import { fixturePath, readBytes, readJsonFile } from "../../helpers/fixtures.js";
import { ggufModels, ownGgufModels, type GgufOracle } from "../../helpers/gguf-oracles.js";
import { caseCount } from "../../helpers/long-run.js";
import { mutate } from "../../helpers/mutate.js";
import { SeededRandom } from "../../helpers/random.js";
import { collectWeight, runRecipe, type Weights } from "../../helpers/run-recipe.js";
import { reportMissing, sharedPath } from "../../helpers/shared-models.js";
import { expectClose } from "../../helpers/expect-close.js";
import { ggufModel } from "../../helpers/tolerances.js";

interface Opened {
  readonly files: ModelFiles;
  readonly definition: ModelDefinition;
  readonly parameters: readonly Parameter[];
}

/** Everything that can be known of a model before a device is opened. */
async function open(source: string | File): Promise<Opened> {
  const files = await openModelFiles(source, undefined, undefined);
  const definition = defineModel(files.familyModel, 4);
  const { config, recipe, names } = definition;
  const parameters = listParameters(config, recipe, names, { format: "f32" });
  files.checkTensors(parameters);
  await files.readTexts(undefined);
  return { files, definition, parameters };
}

async function readAll({ files, parameters }: Opened, mayHaveMore: boolean = false): Promise<Weights> {
  const weights: Weights = new Map();
  const unexpected: string[] = [];
  const onUnexpected = (names: readonly string[]): void => void unexpected.push(...names);
  for await (const weight of files.readWeights(parameters, { onUnexpected })) collectWeight(weights, weight);
  if (!mayHaveMore) expect(unexpected).toEqual([]);
  return weights;
}

describe("models in GGUF", () => {
  // The rows of encoders are checked where they are computed: test/gpu/gguf-models.test.ts.
  const missing: string[] = [];
  for (const name of Object.values(ggufModels).flat()) {
    if (name.includes("bert")) continue;
    const folder = ownGgufModels.includes(name)
      ? fixturePath("gguf", "models")
      : sharedPath("models", "gguf", "models");
    if (!existsSync(join(folder, `${name}.gguf`))) {
      missing.push(name);
      continue;
    }
    it(`${name}: give the outputs of another implementation`, async () => {
      const opened = await open(join(folder, `${name}.gguf`));
      const weights = await readAll(opened);
      const { sentences } = readJsonFile<GgufOracle>(join(folder, `${name}.expected.json`));
      const expected = new Map<string, Float32Array>();
      const bytes = readBytes(join(folder, `${name}.expected.safetensors`));
      for await (const tensor of readTensors(new MemoryFolder(new Map([["model.safetensors", bytes]]))))
        expected.set(tensor.name, new Float32Array(tensor.bytes.buffer));
      for (const [index, ids] of sentences.entries()) {
        const logits = runRecipe(opened.definition, weights, opened.parameters, ids);
        const wanted = expected.get(`logits.${index}`)!;
        expectClose(logits.subarray(logits.length - wanted.length), wanted, ggufModel(wanted));
      }
    });
  }
  // Those of the repository are always there.
  expect(missing.filter((name) => ownGgufModels.includes(name))).toEqual([]);
  if (missing.length > 0) reportMissing(`models/gguf/models/{${missing.join(",")}}.gguf`, missing.length);
});

interface BrokenModel {
  readonly file: string;
  readonly wrong: string;
  readonly expect: "refuse" | "either" | "read";
  /** What differs from the smallest whole model: the bytes between so many of its beginning and so many of its end. */
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: string;
}

describe("broken models", () => {
  const { files } = readJsonFile<{ readonly files: readonly BrokenModel[] }>(
    fixturePath("gguf", "hostile", "models.json"),
  );
  const whole = readBytes(fixturePath("gguf", "hostile", "micro-good.gguf"));

  it.each(files)("$file: $wrong", async ({ file, expect: wanted, prefix, suffix, middle }) => {
    const parts = [whole.slice(0, prefix), Buffer.from(middle, "base64"), whole.slice(whole.length - suffix)];
    const before = process.memoryUsage().arrayBuffers;
    const begin = performance.now();
    const result = await open(new File(parts, file))
      .then(readAll)
      .catch((error: unknown) => error);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
    const isTyped = [FormatError, ShapeError, FetchError].some((kind) => result instanceof kind);
    if (result instanceof Error && !isTyped) throw result;
    if (wanted === "refuse") expect(result).toBeInstanceOf(Error);
    if (wanted === "read") expect(result).toBeInstanceOf(Map);
  });
});

describe("mutations of a model in GGUF", () => {
  const count = caseCount({ usual: 300, long: 10_000 });

  it(`are refused with a typed error, or read (${count} of them)`, async () => {
    const whole = readBytes(fixturePath("gguf", "hostile", "micro-good.gguf"));
    const random = new SeededRandom(16);
    let refused = 0;
    for (let index = 0; index < count; index++) {
      const mutated = mutate(whole, random);
      const begin = performance.now();
      try {
        await readAll(await open(new File([mutated], "m.gguf")), true);
      } catch (error) {
        const isTyped = [FormatError, ShapeError, FetchError].some((kind) => error instanceof kind);
        if (!isTyped) throw new Error(`mutation ${index}`, { cause: error });
        refused++;
      }
      expect(performance.now() - begin, `mutation ${index}`).toBeLessThan(1000);
    }
    expect(refused).toBeGreaterThan(count / 4);
    expect(refused).toBeLessThan(count);
  });
});
