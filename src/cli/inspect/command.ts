// `npx weft-webgpu inspect`: what a model's folder holds, what it needs, and whether this machine can run it.
import { thousands } from "../../jobs/words.js";
import { describeModel, type ModelConfig } from "../../index.js";
import { describeStep, print, runCommand, shorten, writeInto } from "../terminal/command.js";
import {
  chooseModel,
  chooseRuntime,
  isGgufPath,
  isHubModel,
  modelOptions,
  placeModel,
} from "../terminal/model-choice.js";
import {
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
} from "../terminal/option-values.js";
import type { InspectReport, InspectRequest } from "./page.js";
import { describeModel as describeLoaded, line } from "../terminal/print-report.js";
import { Progress } from "../terminal/progress.js";
import { runModule } from "../browser/run-module.js";

const helpText = `Says what a model's folder in Hugging Face layout or its GGUF file holds, what memory it needs per queue, and whether this machine fits.

Usage: ${usage("inspect")} [DIR | FILE.gguf | owner/name] [options]     (without: the embedded model)

  owner/name is a model of the Hugging Face hub (HF_ENDPOINT names a mirror, HF_TOKEN opens private models); without loading it,
  no more than the beginnings of its files is read.
  --file NAME             a GGUF file of that repository, or a part that only one has, such as Q8_0
  --revision NAME         a branch, tag or commit of that repository (default main)
  --no-load               only read the files, ask nothing of the machine
${runtimeHelp}
  --json FILE             also write everything as JSON
  --help                  print this`;

const { revision, file } = modelOptions;
const known = { help: flag, revision, file, "no-load": flag, runtime: word, json: word } as const;

async function inspect(): Promise<void> {
  const { values, positionals } = readOptions(process.argv.slice(2), known, true);
  if (values.help) {
    process.stdout.write(`${helpText}\n`);
    return;
  }
  if (positionals.length > 1) throw new OptionError(`expected one model, received also "${positionals[1]}"`);
  const given = chooseModel({ ...values, model: positionals[0] }, "the model");
  const runtime = chooseRuntime(values.runtime, given);
  // This part is read in this process, wherever the model is loaded.
  const { address: source, hub: ownHub } = placeModel(given, "node");
  const isOfHub = isHubModel(given);
  const isOneFile = isGgufPath(source);
  const { config, tensors, parameters, weightBytes, cacheBytesPerToken, cacheBytesPerContext, hasTokenizer } =
    await describeModel(source, ownHub);
  const formats = new Map<string, { count: number; bytes: number }>();
  for (const { dtype, bytes } of tensors) {
    const own = formats.get(dtype) ?? { count: 0, bytes: 0 };
    formats.set(dtype, { count: own.count + 1, bytes: own.bytes + bytes });
  }
  print([
    line(isOfHub ? "hub" : isOneFile ? "file" : "folder", source),
    line(
      "model",
      `${config.modelType}, ${config.layers} layers, C = ${config.channels}, ${heads(config)}, F = ${config.hidden}, V = ${config.vocabularySize}, context ${config.contextLength}`,
    ),
    line("", `${config.activation}, ${config.tiedHead ? "tied" : "untied"} head`),
    line(
      "weights",
      `${thousands(parameters)} numbers in ${tensors.length} tensors: ${[...formats].map(([name, { count, bytes }]) => `${count} ${name} (${megabytes(bytes)})`).join(", ")}`,
    ),
    line(
      "tokenizer",
      hasTokenizer
        ? isOfHub
          ? "there is one"
          : isOneFile
            ? "in the file"
            : "tokenizer.json"
        : "none: it takes token ids only",
    ),
    line(
      "memory",
      `${megabytes(weightBytes.default)} of weights per queue, ${megabytes(weightBytes.f32)} in f32, ${megabytes(weightBytes.f16)} in f16, ${megabytes(weightBytes.q8)} in q8, ${megabytes(weightBytes.q4)} in q4`,
    ),
    line(
      "",
      `${kibibytes(cacheBytesPerToken.f32)} of keys and values per token, ${kibibytes(cacheBytesPerToken.f16)} with an f16 cache; ${megabytes(cacheBytesPerContext.f32)} and ${megabytes(cacheBytesPerContext.f16)} per full context`,
    ),
  ]);
  let result: InspectReport | undefined;
  if (!values["no-load"]) {
    const { name, address, folders, hub } = placeModel(given, runtime);
    const progress = new Progress();
    const answer = await runModule<InspectRequest, InspectReport>(runtime, {
      module: "page-inspect",
      request: { model: address, ...(hub ? { hub } : {}) },
      folders,
      onProgress: (words, part) => progress.show(describeStep(words, name, `Loading ${name}`), part),
    }).finally(() => progress.end());
    result = answer.result;
    print([
      ...describeLoaded(result.info, { browser: answer.browser, model: name }),
      line("fits", `loaded in ${(result.info.loadMs / 1000).toFixed(1)} s`),
    ]);
  }
  if (values.json === undefined) return;
  const json = fromCaller(values.json);
  await writeInto(json, `${JSON.stringify({ folder: source, config, parameters, tensors, ...result })}\n`);
  print([line("json", shorten(json))]);
}

function heads({ heads: own, keyValueHeads: shared, headWidth }: ModelConfig): string {
  return `${own} heads of ${headWidth}${shared === own ? "" : `, sharing keys of ${shared}`}`;
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

await runCommand("inspect", inspect);
