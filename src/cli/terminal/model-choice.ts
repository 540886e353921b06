// Which model a command was asked for: on the disk or of a hub, and where the module that loads it finds it.
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { HubOptions } from "../../index.js";
import { isHubId } from "../../util/hub-id.js";
import { distFolder } from "../browser/dist-folder.js";
import { usualRuntime, type Runtime } from "../browser/run-module.js";
import { checkRuntime, fromCaller, OptionError, usage, word } from "./option-values.js";

export const embedded = "tinystories-gpt2";

/** A model of a hub. */
export interface HubModel {
  /** "owner/name" */
  readonly id: string;
  readonly revision?: string;
  readonly file?: string;
}

/** The path of a folder or of a GGUF file, or a model of a hub. Undefined stands for the embedded one. */
export type ModelChoice = string | HubModel | undefined;

/** The options by which commands are told a model. */
export const modelOptions: Readonly<Record<"model" | "revision" | "file", typeof word>> = {
  model: word,
  revision: word,
  file: word,
};

export interface ModelOptionValues {
  readonly model?: string | undefined;
  readonly revision?: string | undefined;
  readonly file?: string | undefined;
}

/** The lines of --help about them. */
export const modelHelp: string = `  --model MODEL           instead of the embedded model: a folder in Hugging Face layout, a .gguf file, or owner/name
                          on the Hugging Face hub (HF_ENDPOINT names a mirror, HF_TOKEN opens private models);
                          downloads are kept with --runtime node, the default for such models
  --file NAME             a GGUF file of that repository, or a part that only one has, such as Q8_0
  --revision NAME         a branch, tag or commit of that repository (default main)`;

export const isHubModel = (model: ModelChoice): model is HubModel => typeof model === "object";

/** Whether a path is that of a GGUF file, and not of a folder. */
export function isGgufPath(path: string): boolean {
  return /\.gguf$/i.test(path);
}

/** What `--model`, `--revision` and `--file` stand for. `option` names the first in messages. @throws OptionError. */
export function chooseModel(
  { model: given, revision, file }: ModelOptionValues,
  option: string = "--model",
): ModelChoice {
  const choice = given === undefined ? undefined : findModel(given, option);
  if (isHubModel(choice))
    return {
      ...choice,
      ...(revision === undefined ? {} : { revision }),
      ...(file === undefined ? {} : { file }),
    };
  for (const [name, value] of Object.entries({ revision, file }))
    if (value !== undefined)
      throw new OptionError(
        `--${name}: expected a model of a hub beside it, owner/name, received "${given ?? embedded}"`,
      );
  return choice;
}

/** As `chooseModel`, for commands whose models are on the disk, with tokenizers. @throws OptionError. */
export function choosePath(given: string | undefined): string | undefined {
  const choice = expectTokenizer(chooseModel({ model: given }));
  if (!isHubModel(choice)) return choice;
  throw new OptionError(
    `--model: there is no folder ${fromCaller(choice.id)}; models of a hub are for ${usage("generate")} and the others`,
  );
}

function findModel(given: string, option: string): string | HubModel {
  const path = fromCaller(given);
  if (!existsSync(path) && isHubId(given)) return { id: given };
  if (isGgufPath(path)) {
    if (existsSync(path)) return path;
    throw new OptionError(`${option}: there is no file ${path}`);
  }
  const isMissing = (file: string): boolean => !existsSync(join(path, file));
  if (!existsSync(path)) throw new OptionError(`${option}: there is no folder ${path}`);
  if (isMissing("config.json")) throw new OptionError(`${option}: ${path} has no config.json`);
  if (isMissing("model.safetensors") && isMissing("model.safetensors.index.json"))
    throw new OptionError(`${option}: ${path} has no model.safetensors, nor its index and shards`);
  return path;
}

/** Checks that a folder has a tokenizer, for commands that take texts. @throws OptionError. */
export function expectTokenizer(model: ModelChoice, option: string = "--model"): ModelChoice {
  if (typeof model === "string" && !isGgufPath(model) && !existsSync(join(model, "tokenizer.json")))
    throw new OptionError(`${option}: ${model} has no tokenizer.json, without which text has no tokens`);
  return model;
}

/** Models of a hub are loaded in Node unless the caller says otherwise: a headless browser forgets what it has downloaded. */
export function chooseRuntime(text: string | undefined, model: ModelChoice): Runtime {
  if (text !== undefined) return checkRuntime(text);
  return isHubModel(model) ? "node" : usualRuntime();
}

export interface PlacedModel {
  readonly name: string;
  /** What `Model.load` is given: a URL in a page, a path in this process, or a hub's name. */
  readonly address: string;
  /** What a page's server has to serve. */
  readonly folders: Readonly<Record<string, string>>;
  /** How a hub's model is loaded, with the caller's token: not to be written anywhere. */
  readonly hub?: HubOptions;
}

/** Where a module finds the model. */
export function placeModel(model: ModelChoice, runtime: Runtime): PlacedModel {
  if (isHubModel(model)) {
    const { id, ...own } = model;
    return { name: id, address: id, folders: {}, hub: { ...own, ...hubOfEnvironment(runtime) } };
  }
  if (runtime === "node")
    return {
      name: model === undefined ? embedded : basename(model),
      address: model ?? join(distFolder, embedded),
      folders: {},
    };
  if (model === undefined) return { name: embedded, address: `/${embedded}/`, folders: {} };
  const name = basename(model);
  // Beside a GGUF file may lie further parts.
  if (isGgufPath(model))
    return { name, address: `/model/${encodeURIComponent(name)}`, folders: { "/model/": dirname(model) } };
  return { name, address: "/model/", folders: { "/model/": model } };
}

/** What `Model.load` reads of the environment by itself in Node. A page has none. */
function hubOfEnvironment(runtime: Runtime): HubOptions {
  if (runtime === "node") return {};
  const { HF_ENDPOINT: hub, HF_TOKEN: token } = process.env;
  return { ...(hub ? { hub } : {}), ...(token ? { token } : {}), cacheFiles: false };
}
