// `npx weft inspect`: what a model's folder holds, what it needs, and whether this machine can run it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { thousands } from "../../jobs/words.js";
import { describeModel, type ModelConfig } from "../../index.js";
import {
  embedded,
  isGgufPath,
  placeModel,
  print,
  runCommand,
  shorten,
  writeInto,
} from "../terminal/command.js";
import { distFolder } from "../browser/dist-folder.js";
import {
  checkRuntime,
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

Usage: ${usage("inspect")} [DIR | FILE.gguf] [options]     (without: the embedded model)

  --no-load               only read the files, ask nothing of the machine
${runtimeHelp}
  --json FILE             also write everything as JSON
  --help                  print this`;

const known = { help: flag, "no-load": flag, runtime: word, json: word } as const;

async function inspect(): Promise<void> {
  const { values, positionals } = readOptions(process.argv.slice(2), known, true);
  if (values.help) {
    process.stdout.write(`${helpText}\n`);
    return;
  }
  const runtime = checkRuntime(values.runtime);
  if (positionals.length > 1) throw new OptionError(`expected one model, received also "${positionals[1]}"`);
  const given = positionals[0] === undefined ? undefined : fromCaller(positionals[0]);
  const folder = given ?? join(distFolder, embedded);
  if (isGgufPath(folder) ? !existsSync(folder) : !existsSync(join(folder, "config.json")))
    throw new OptionError(
      isGgufPath(folder)
        ? `there is no file ${folder}`
        : `${folder} has no config.json: expected the folder of a model, or a .gguf file`,
    );
  const { config, tensors, parameters, weightBytes, cacheBytesPerToken, cacheBytesPerContext, hasTokenizer } =
    await describeModel(folder);
  const formats = new Map<string, { count: number; bytes: number }>();
  for (const { dtype, bytes } of tensors) {
    const own = formats.get(dtype) ?? { count: 0, bytes: 0 };
    formats.set(dtype, { count: own.count + 1, bytes: own.bytes + bytes });
  }
  print([
    line(isGgufPath(folder) ? "file" : "folder", folder),
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
        ? isGgufPath(folder)
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
    const { name, address, folders } = placeModel(given, runtime);
    const progress = new Progress();
    const answer = await runModule<InspectRequest, InspectReport>(runtime, {
      module: "page-inspect",
      request: { model: address },
      folders,
      onProgress: (_, part) => progress.show(`Loading ${name}`, part),
    }).finally(() => progress.end());
    result = answer.result;
    print([
      ...describeLoaded(result.info, { browser: answer.browser, model: name }),
      line("fits", `loaded in ${(result.info.loadMs / 1000).toFixed(1)} s`),
    ]);
  }
  if (values.json === undefined) return;
  const json = fromCaller(values.json);
  await writeInto(json, `${JSON.stringify({ folder, config, parameters, tensors, ...result })}\n`);
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
