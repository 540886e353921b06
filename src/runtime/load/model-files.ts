// The files of a model, whatever their kind: its configuration, its texts, and its weights as they are read.
import { FormatError } from "../../errors.js";
import type { Family, TensorNames } from "../../families/family.js";
import { predictsNext } from "../../families/recipe.js";
import { usualFamilies, isUsual, readModelConfig, type FamilyModel } from "../../families/registry.js";
import {
  readJson,
  readOptional,
  readRequiredJson,
  readText,
  type ModelFolder,
} from "../../files/model-folder.js";
import { MemoryFolder } from "../../files/memory-folder.js";
import { readTensorEntries, type ReadOptions } from "../../files/read-tensors.js";
import type { HubOptions } from "../../files/hub/open-hub.js";
import { isHubSource, openModelSource, type ModelSource } from "../../files/source.js";
import { formatsOfFiles } from "../../model/weights/file-formats.js";
import { listFileTensors, namesOfTied, TensorMatcher } from "../../model/weights/file-tensors.js";
import { readGrouping, withoutGrouping } from "../../model/weights/grouping.js";
import {
  listParameters,
  type FormatRun,
  type Matrix,
  type Parameter,
} from "../../model/weights/parameters.js";
import { readWeights, type FileWeight } from "../../model/weights/read-weights.js";
import type { WeightFormat } from "../../tensor/formats.js";
import { checkWhole } from "../../util/check.js";
import { loadPart } from "../../util/load-part.js";
import type { SentenceSettings } from "./sentence-files.js";
import type { TextFiles } from "./loaded-model.js";

/** One tensor of a weight file. */
export interface TensorDescription {
  readonly name: string;
  /** The format in the file: "F32", "F16" and so on. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes in the file. */
  readonly bytes: number;
}

export interface WeightOptions extends ReadOptions {
  /** Called at the end with the names of tensors that the model has no use for, where there are any. */
  readonly onUnexpected?: (names: readonly string[]) => void;
}

export interface ModelFiles {
  readonly familyModel: FamilyModel;
  /** Reads what a matrix is stored in on the GPU unless the caller says otherwise: what the file has, or what loses nothing. */
  readFormats(
    signal: AbortSignal | undefined,
  ): Promise<(matrix: Matrix) => WeightFormat | readonly FormatRun[]>;
  /** Checks that the files have what these parameters need, as far as that is known before weights are read. Throws FormatError. */
  checkTensors(parameters: readonly Parameter[]): void;
  readTexts(signal: AbortSignal | undefined): Promise<TextFiles>;
  readWeights(
    parameters: readonly Parameter[],
    options: WeightOptions,
  ): AsyncGenerator<FileWeight, void, undefined>;
  listTensors(signal: AbortSignal | undefined): Promise<readonly TensorDescription[]>;
}

/** Opens the files that `source` stands for, and reads the configuration. */
export async function openModelFiles(
  source: ModelSource,
  families: readonly Family[] | undefined,
  signal: AbortSignal | undefined,
  hub: HubOptions = {},
): Promise<ModelFiles> {
  const stallMs = checkWhole("stallMs", hub.stallMs, undefined, {
    least: 1,
    most: 2 ** 31 - 1,
    remedy: "It is milliseconds: 30000 is usual. Leave it out to wait as long as it takes.",
  });
  const { folder, ggufName } = isHubSource(source)
    ? await (await loadPart(import("../../files/hub/open-hub.js"))).openHub(source, hub, signal)
    : openModelSource(source, { stallMs });
  if (ggufName === undefined) return openFolder(folder, families, signal);
  const { openGgufFiles } = await loadPart(import("./gguf-files.js"));
  return openGgufFiles(folder, ggufName, families, signal);
}

async function readSentence(
  folder: ModelFolder,
  signal: AbortSignal | undefined,
): Promise<SentenceSettings | undefined> {
  const { readSentenceFiles } = await loadPart(import("./sentence-files.js"));
  return readSentenceFiles(folder, signal);
}

async function openFolder(
  folder: ModelFolder,
  families: readonly Family[] | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelFiles> {
  const configFile = await readRequiredJson(folder, "config.json", signal);
  const grouping = readGrouping(configFile);
  const grouped =
    grouping && new (await loadPart(import("../../model/weights/grouped-weights.js"))).GroupedFiles(grouping);
  const known =
    families ??
    (isUsual(configFile)
      ? usualFamilies
      : (await loadPart(import("../../families/encoders/all-families.js"))).families);
  const read = readModelConfig(configFile, "config.json", known);
  const familyModel = { ...read, configFile: withoutGrouping(read.configFile) };
  const { family, config } = familyModel;
  const usualNames: TensorNames = family.tensors(config);
  /** The headers are read once, whoever asks for them. */
  let entries: ReturnType<typeof readTensorEntries> | undefined;
  const readEntries = (own: AbortSignal | undefined): ReturnType<typeof readTensorEntries> =>
    (entries ??= readTensorEntries(folder, own));
  const namesOf = async (own: AbortSignal | undefined): Promise<TensorNames> =>
    config.tiedHead ? namesOfTied(usualNames, (await readEntries(own)).keys()) : usualNames;
  return {
    familyModel,
    async readFormats(own) {
      const names = await namesOf(own);
      const parameters = listParameters(config, family.recipe(config), names, { format: "f32" });
      const tensors = listFileTensors(parameters, names);
      const matcher = new TensorMatcher(tensors, names);
      const formats = new Map<string, string>();
      for (const [name, { dtype, shape }] of await readEntries(own)) {
        const part = grouped?.partOf(name, dtype);
        const key = matcher.keyOf(part?.weight ?? name);
        const extent = tensors.get(key);
        const format = part ? extent && grouped?.formatOf(part, shape, extent) : dtype;
        if (format !== undefined) formats.set(key, format);
      }
      return formatsOfFiles((key) => formats.get(key), names);
    },
    checkTensors: () => undefined,
    async readTexts(own) {
      const isEncoder = !predictsNext(family.recipe(config));
      let refusal: FormatError | undefined;
      let settings: Promise<SentenceSettings | undefined> | undefined;
      const refused = async (): Promise<undefined> => {
        if (refusal) throw refusal;
      };
      // What weft computes no vectors by is an error of the call that asks for them, not of the load.
      const readSettings = (until: AbortSignal | undefined): Promise<SentenceSettings | undefined> =>
        (settings ??= readSentence(folder, until).catch((error: unknown) => {
          settings = undefined;
          if (!readsEarly || !(error instanceof FormatError)) throw error;
          refusal = error;
          return undefined;
        }));
      // A decoder may be one that embeds: its files are read when it does, unless they are in memory with the weights, which would be
      // held.
      const readsEarly = isEncoder || folder instanceof MemoryFolder;
      // A browser writes a line into its console for a file that is not there, so that only those are asked for that may be.
      const unreadable: Record<string, string> = {};
      const optional = <T>(reader: typeof readJson | typeof readText, name: string): Promise<T | undefined> =>
        readOptional(reader(folder, name, own) as Promise<T>, ({ message }) => (unreadable[name] = message));
      const [tokenizer, tokenizerConfig, chatTemplate, generationConfig, sentence] = await Promise.all([
        optional(readJson, "tokenizer.json"),
        optional(readJson, "tokenizer_config.json"),
        isEncoder ? undefined : optional<string>(readText, "chat_template.jinja"),
        isEncoder ? undefined : optional(readJson, "generation_config.json"),
        readsEarly ? readSettings(own) : undefined,
      ]);
      return {
        unreadable,
        tokenizer,
        tokenizerConfig,
        chatTemplate,
        generationConfig,
        ...(sentence ? { sentence } : {}),
        ...(readsEarly ? { readSentence: refused } : { readSentence: () => readSettings(undefined) }),
      };
    },
    async *readWeights(parameters, options) {
      const names = await namesOf(options?.signal);
      yield* readWeights(folder, listFileTensors(parameters, names), names, { ...options, grouped });
    },
    async listTensors(own) {
      return [...(await readEntries(own))].map(([name, { dtype, shape, begin, end }]) => ({
        name,
        dtype,
        shape,
        bytes: end - begin,
      }));
    },
  };
}
