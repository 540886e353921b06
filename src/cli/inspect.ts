// `npx weft inspect`: what a model's folder holds, what it needs, and whether this machine can run it.
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { thousands } from "../demo/words.js";
import { parseGpt2Config } from "../weights/gpt2-config.js";
import { headerEnd, parseHeader, type TensorEntry } from "../weights/safetensors.js";
import { parseShardIndex, shardIndexName } from "../weights/shard-index.js";
import { embedded, placeModel, print, runCommand, shorten, writeInto } from "./command.js";
import { distFolder } from "./dist-folder.js";
import {
  checkRuntime,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
} from "./option-values.js";
import type { InspectReport, InspectRequest } from "./page-inspect.js";
import { describeModel, line } from "./print-report.js";
import { Progress } from "./progress.js";
import { runModule } from "./run-module.js";

const helpText = `Says what a GPT-2 folder in Hugging Face layout holds, what memory it needs per queue, and whether this machine fits.

Usage: ${usage("inspect")} [DIR] [options]          (without DIR: the embedded model)

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
  if (positionals.length > 1) throw new OptionError(`expected one folder, received also "${positionals[1]}"`);
  const given = positionals[0] === undefined ? undefined : fromCaller(positionals[0]);
  const folder = given ?? join(distFolder, embedded);
  if (!existsSync(join(folder, "config.json"))) throw new OptionError(`${folder} has no config.json`);
  const config = parseGpt2Config(JSON.parse(await readFile(join(folder, "config.json"), "utf8")));
  const tensors = await readTensorEntries(folder);
  const numbers = [...tensors.values()].map(({ shape }) =>
    shape.reduce((product, extent) => product * extent, 1),
  );
  const parameters = numbers.reduce((sum, own) => sum + own, 0);
  const formats = new Map<string, number>();
  for (const { dtype } of tensors.values()) formats.set(dtype, (formats.get(dtype) ?? 0) + 1);
  // A key and a value of C numbers per layer, in f32.
  const cacheBytes = 8 * config.layers * config.channels;
  print([
    line("folder", folder),
    line(
      "model",
      `GPT-2, ${config.layers} layers, C = ${config.channels}, ${config.heads} heads, F = ${config.hidden}, V = ${config.vocabularySize}, context ${config.contextLength}`,
    ),
    line("", `${config.activation}, ${config.tiedHead ? "tied" : "untied"} head`),
    line(
      "weights",
      `${thousands(parameters)} numbers in ${tensors.size} tensors: ${[...formats].map(([name, count]) => `${count} ${name}`).join(", ")}`,
    ),
    line(
      "tokenizer",
      existsSync(join(folder, "tokenizer.json")) ? "tokenizer.json" : "none: it takes token ids only",
    ),
    line(
      "memory",
      `${megabytes(4 * parameters)} of weights per queue in f32, ${megabytes(2 * parameters)} in f16`,
    ),
    line(
      "",
      `${(cacheBytes / 1024).toFixed(1)} KiB of keys and values per token; ${megabytes(cacheBytes * config.contextLength)} per full context`,
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
      ...describeModel(result.info, { browser: answer.browser, model: name }),
      line("fits", `loaded in ${(result.info.loadMs / 1000).toFixed(1)} s`),
    ]);
  }
  if (values.json === undefined) return;
  const json = fromCaller(values.json);
  await writeInto(
    json,
    `${JSON.stringify({ folder, config, parameters, tensors: Object.fromEntries(tensors), ...result })}\n`,
  );
  print([line("json", shorten(json))]);
}

async function readTensorEntries(folder: string): Promise<Map<string, TensorEntry>> {
  const index = join(folder, shardIndexName);
  const files = existsSync(index)
    ? parseShardIndex(JSON.parse(await readFile(index, "utf8"))).keys()
    : ["model.safetensors"];
  const tensors = new Map<string, TensorEntry>();
  for (const name of files) {
    const file = await open(join(folder, name));
    try {
      const { size } = await file.stat();
      const first = new Uint8Array(8);
      await file.read(first, 0, 8, 0);
      const header = new Uint8Array(headerEnd(first, name, size));
      await file.read(header, 0, header.length, 0);
      for (const [tensor, entry] of parseHeader(header, name, size).tensors) tensors.set(tensor, entry);
    } finally {
      await file.close();
    }
  }
  return tensors;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

await runCommand("inspect", inspect);
