// A model in GGUF: all that a folder of a model says in several files is in the header of one.
import type { Family } from "../../families/family.js";
import { ggufFamily, readGgufConfig } from "../../families/gguf/config.js";
import type { GgufDescription, GgufFacts } from "../../families/gguf/description.js";
import { listTensors, openGguf, type GgufModel } from "../../files/gguf/open-gguf.js";
import { plainValue } from "../../files/gguf/plain-value.js";
import { readGgufRows } from "../../files/gguf/read-gguf.js";
import type { ModelFolder } from "../../files/model-folder.js";
import { formatsOfFiles } from "../../model/weights/file-formats.js";
import { listFileTensors } from "../../model/weights/file-tensors.js";
import type { Parameter } from "../../model/weights/parameters.js";
import { matchGguf, readGgufWeights, type MatchedGguf } from "../../model/weights/read-gguf-weights.js";
import { dequantise, isReadable } from "../../tensor/blocks/dequantise.js";
import { readSpecialTokens, readTokens } from "../../text/gguf/special-tokens.js";
import { tokenizerFiles } from "../../text/gguf/tokenizer-files.js";
import type { PoolingName } from "../../kernels/pooling/pooling.js";
import { loadPart } from "../../util/load-part.js";
import type { SentenceSettings } from "./sentence-files.js";
import type { ModelFiles } from "./model-files.js";

export async function openGgufFiles(
  folder: ModelFolder,
  fileName: string,
  families: readonly Family[] | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelFiles> {
  const model = await openGguf(folder, fileName, signal);
  const value = (key: string): unknown => {
    const found = model.metadata.get(key);
    return found && plainValue(found);
  };
  const known = families ?? (await loadPart(import("../../families/encoders/all-families.js"))).families;
  const own = ggufFamily(value("general.architecture"), fileName, known);
  const lists = await readLists(folder, model, own.description, signal);
  const facts: GgufFacts = {
    fileName,
    value,
    tensors: new Set(listTensors(model).map(({ name }) => name)),
    numbers: (name) => lists.get(name),
  };
  const tokens = readTokens(facts);
  const special = readSpecialTokens(facts, tokens);
  const familyModel = readGgufConfig(own, facts, {
    vocab_size: tokens.length,
    bos_token_id: special.begin,
    eos_token_id: special.ends,
  });
  const names = own.description.tensors(familyModel.config);
  const types = new Map(listTensors(model).map(({ name, type }) => [name, type.name]));
  const match = (parameters: readonly Parameter[]): MatchedGguf =>
    matchGguf(model, listFileTensors(parameters, names), names);
  return {
    familyModel,
    readFormats: async () => formatsOfFiles((key) => types.get(key), names),
    checkTensors: (parameters) => void match(parameters),
    async readTexts() {
      const texts = tokenizerFiles(facts);
      const sentence = sentenceSettings(value, own.description.architecture);
      return sentence ? { ...texts, sentence } : texts;
    },
    async *readWeights(parameters, options) {
      const matched = match(parameters);
      yield* readGgufWeights(folder, model, matched, options);
      if (matched.unexpected.length > 0) options.onUnexpected?.(matched.unexpected);
    },
    listTensors: async () =>
      listTensors(model).map(({ name, type, shape, begin, end }) => ({
        name,
        dtype: type.name,
        shape,
        bytes: end - begin,
      })),
  };
}

/** The ways to pool by their numbers in files. Files do not say whether vectors are normalised. */
const poolings: readonly (PoolingName | undefined)[] = [undefined, "mean", "cls", "lasttoken"];

function sentenceSettings(
  value: (key: string) => unknown,
  architecture: string,
): SentenceSettings | undefined {
  const pooling = poolings[Number(value(`${architecture}.pooling_type`))];
  if (!pooling) return undefined;
  return {
    poolings: [pooling],
    includesPrompt: true,
    dense: [],
    normalizes: false,
    isLowerCase: false,
    maxTokens: undefined,
    prompts: {},
    defaultPrompt: undefined,
  };
}

/** The values of the small tensors that are a part of the configuration. */
async function readLists(
  folder: ModelFolder,
  model: GgufModel,
  { lists = [] }: GgufDescription,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, readonly number[]>();
  const rows = readGgufRows(folder, model, {
    signal,
    wants: ({ name, shape, type }) => lists.includes(name) && shape.length === 1 && isReadable(type.name),
  });
  for await (const { tensor, bytes } of rows)
    found.set(tensor.name, [...dequantise(bytes, tensor.type.name)]);
  return found;
}
