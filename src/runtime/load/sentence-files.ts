// The small files that sentence-transformers puts beside an encoder: how rows become one vector, in the form of version 6 and in
// that of versions 2 to 4, which nearly every published folder has.
import { FormatError } from "../../errors.js";
import type { ClassifierConfig } from "../../families/model-config.js";
import { readJson, type ModelFolder } from "../../files/model-folder.js";
import { readTensors } from "../../files/read-tensors.js";
import type { PoolingName } from "../../kernels/pooling/pooling.js";
import { isDtype, toFloat32 } from "../../tensor/formats.js";
import { isRecord, showJson } from "../../util/json-value.js";
import { loadPart } from "../../util/load-part.js";

/** vector = activation(W·vector + b). */
export interface DenseModule {
  readonly inputs: number;
  readonly outputs: number;
  readonly isTanh: boolean;
  /** (outputs, inputs). */
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
}

/** What the files say of vectors. What they do not say is undefined. */
export interface SentenceSettings {
  /** Joined in this order. None if the folder says none, as that of a cross-encoder. */
  readonly poolings: readonly PoolingName[];
  /** Whether the tokens of a prompt count. */
  readonly includesPrompt: boolean;
  readonly dense: readonly DenseModule[];
  readonly normalizes: boolean;
  readonly isLowerCase: boolean;
  /** The most tokens of a text, special ones included. */
  readonly maxTokens: number | undefined;
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPrompt: string | undefined;
  /** What becomes of the logit of a cross-encoder. */
  readonly relevance?: ClassifierConfig["relevance"];
}

const remedy = "weft computes no vectors from this folder as it is: pass ids to forward, and pool its rows.";

/** Undefined if the folder has no modules.json. @throws FormatError for modules that weft does not compute. */
export async function readSentenceFiles(
  folder: ModelFolder,
  signal: AbortSignal | undefined,
): Promise<SentenceSettings | undefined> {
  const modules = await readJson(folder, "modules.json", signal);
  if (modules === undefined) return undefined;
  const kinds = listModules(modules);
  const order = kinds.map(({ kind }) => kind).filter((kind) => kind !== "Dropout");
  if (!/^(Transformer )?(Pooling )?(Dense )*(Normalize )?$/.test(order.map((kind) => `${kind} `).join("")))
    fail(
      "modules.json",
      `expected Transformer, Pooling, Dense and Normalize in this order, received ${order.join(", ")}`,
    );
  const { relevanceOf } = await loadPart(import("../../families/encoders/all-families.js"));
  const [limits, own] = await Promise.all([
    readJson(folder, "sentence_bert_config.json", signal),
    readJson(folder, "config_sentence_transformers.json", signal),
  ]);
  const dense: DenseModule[] = [];
  let pooling: Pick<SentenceSettings, "poolings" | "includesPrompt"> | undefined;
  let normalizes = false;
  for (const { kind, path } of kinds)
    if (kind === "Pooling")
      pooling = readPooling(await readJson(folder, `${path}/config.json`, signal), path);
    else if (kind === "Dense") dense.push(await readDense(folder, path, signal));
    else if (kind === "Normalize") normalizes = true;
  const prompts = isRecord(own) && isRecord(own["prompts"]) ? own["prompts"] : {};
  const defaultPrompt = isRecord(own) ? own["default_prompt_name"] : undefined;
  const maxTokens = isRecord(limits) ? limits["max_seq_length"] : undefined;
  return {
    poolings: [],
    includesPrompt: true,
    ...pooling,
    dense,
    normalizes,
    isLowerCase: isRecord(limits) && limits["do_lower_case"] === true,
    maxTokens: typeof maxTokens === "number" ? maxTokens : undefined,
    prompts: Object.fromEntries(
      Object.entries(prompts).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
    defaultPrompt: typeof defaultPrompt === "string" ? defaultPrompt : undefined,
    ...relevanceOf(isRecord(own) ? own["activation_fn"] : undefined),
  };
}

/** How versions 2 to 4 call the poolings, in the order that several are joined in. */
const flags: readonly (readonly [name: PoolingName, flag: string])[] = [
  ["cls", "pooling_mode_cls_token"],
  ["max", "pooling_mode_max_tokens"],
  ["mean", "pooling_mode_mean_tokens"],
  ["mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"],
  ["weightedmean", "pooling_mode_weightedmean_tokens"],
  ["lasttoken", "pooling_mode_lasttoken"],
];

function readPooling(config: unknown, path: string): Pick<SentenceSettings, "poolings" | "includesPrompt"> {
  const file = `${path}/config.json`;
  if (!isRecord(config)) return fail(file, `expected an object, received ${showJson(config)}`);
  const { pooling_mode: mode, include_prompt: includesPrompt = true } = config;
  const names =
    mode === undefined
      ? flags.filter(([, flag]) => config[flag] === true).map(([name]) => name)
      : [mode].flat();
  const poolings = names.map(
    (name) =>
      flags.find(([own]) => own === name)?.[0] ??
      fail(
        file,
        `pooling_mode: expected one of ${flags.map(([own]) => own).join(", ")}, received ${showJson(name)}`,
      ),
  );
  if (poolings.length === 0) fail(file, `expected a pooling, received ${showJson(config)}`);
  return { poolings, includesPrompt: includesPrompt !== false };
}

const kindsOfModules = ["Transformer", "Pooling", "Dense", "Normalize", "Dropout"];

function listModules(modules: unknown): { readonly kind: string; readonly path: string }[] {
  if (!Array.isArray(modules)) return fail("modules.json", `expected a list, received ${showJson(modules)}`);
  return modules.map((module: unknown) => {
    const { type, path } = isRecord(module) ? module : {};
    const kind = typeof type === "string" ? type.slice(type.lastIndexOf(".") + 1) : "";
    // Paths stay within the folder.
    const isInside = typeof path === "string" && !/^[/\\]|\.\.|:/.test(path);
    if (kindsOfModules.includes(kind) && isInside) return { kind, path };
    return fail(
      "modules.json",
      `expected modules of ${kindsOfModules.join(", ")}, received ${showJson(module)}`,
    );
  });
}

async function readDense(
  folder: ModelFolder,
  path: string,
  signal: AbortSignal | undefined,
): Promise<DenseModule> {
  const file = `${path}/config.json`;
  const config = await readJson(folder, file, signal);
  if (!isRecord(config)) return fail(file, `expected an object, received ${showJson(config)}`);
  const { in_features: inputs, out_features: outputs, activation_function: activation = "Tanh" } = config;
  const name = String(activation).split(".").at(-1)!;
  if (typeof inputs !== "number" || typeof outputs !== "number" || !["Tanh", "Identity"].includes(name))
    return fail(file, `expected sizes and the activation Tanh or Identity, received ${showJson(config)}`);
  if (config["use_residual"] === true) fail(file, "use_residual: expected false, received true");
  const inside: ModelFolder = {
    location: `${folder.location} ${path}`,
    open: (own, ...more) => folder.open(`${path}/${own}`, ...more),
  };
  const found = new Map<string, Float32Array>();
  for await (const { name: own, dtype, bytes } of readTensors(inside, { signal }))
    if (isDtype(dtype)) found.set(own, toFloat32(bytes, dtype));
  const [weight, bias] = [found.get("linear.weight"), found.get("linear.bias")];
  if (weight?.length !== inputs * outputs || (bias && bias.length !== outputs))
    return fail(`${path}/model.safetensors`, `expected linear.weight [${outputs}, ${inputs}] and its bias`);
  return { inputs, outputs, isTanh: name === "Tanh", weight, bias };
}

function fail(file: string, problem: string): never {
  throw new FormatError({ file, problem, remedy });
}
