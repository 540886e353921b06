// `npx weft embed`: the vectors of texts, into a file, and how alike texts are.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { PoolingName } from "../../index.js";
import { endOfText, thousands } from "../../jobs/words.js";
import { describeStep, print, runCommand, shorten } from "../terminal/command.js";
import { chooseModel, chooseRuntime, modelHelp, modelOptions, placeModel } from "../terminal/model-choice.js";
import {
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
} from "../terminal/option-values.js";
import { describeModel, line } from "../terminal/print-report.js";
import { Progress } from "../terminal/progress.js";
import { runModule } from "../browser/run-module.js";
import { alignColumns } from "../terminal/table.js";
import { readTexts, toJsonLines, toNpy } from "./output.js";
import type { EmbedReport, EmbedRequest } from "./page.js";

const helpText = `Turns texts into vectors with an encoder, on WebGPU: all of them in one call.

Usage: ${usage("embed")} "A text." "Another one." --model MODEL [options]

  --input FILE            also embed every line of this file; of a .jsonl file strings, or objects with "text"
  --output FILE           write the vectors: .jsonl with their texts, or .npy, a float32 matrix of NumPy
  --prompt NAME           put this prompt of the model before every text
  --pooling NAME          how rows become one, if the model's files do not say: cls, lasttoken, max, mean,
                          mean_sqrt_len_tokens, weightedmean
  --normalize             make all vectors as long as 1, whatever the files say
  --dimensions N          keep the first N numbers
${modelHelp}
  --queues N              GPU queues, 1 to 8 (default 1)
${runtimeHelp}
  --help                  print this

Without --output, it prints how alike the first texts are: the cosines of their vectors.`;

const known = {
  help: flag,
  input: word,
  output: word,
  prompt: word,
  pooling: word,
  normalize: flag,
  dimensions: word,
  ...modelOptions,
  queues: word,
  runtime: word,
} as const;

/** Of as many texts a table of cosines fits a terminal. */
const MOST_COMPARED = 8;

async function embed(): Promise<void> {
  const { values, positionals } = readOptions(process.argv.slice(2), known, true);
  if (values.help) {
    process.stdout.write(`${helpText}\n`);
    return;
  }
  if (values.model === undefined)
    throw new OptionError(
      "expected --model MODEL, an encoder such as sentence-transformers/all-MiniLM-L6-v2",
    );
  const model = chooseModel(values);
  const runtime = chooseRuntime(values.runtime, model);
  const { name, address, folders, hub } = placeModel(model, runtime);
  const input = values.input === undefined ? undefined : fromCaller(values.input);
  const read = input === undefined ? [] : readTexts(await readFile(input, "utf8"), input);
  const texts = [...positionals, ...read];
  if (texts.length === 0)
    throw new OptionError(`expected a text to embed, as in: ${usage("embed")} "The cat sat." --model MODEL`);
  const output = values.output === undefined ? undefined : fromCaller(values.output);
  if (output !== undefined && !/\.(jsonl|npy)$/i.test(output))
    throw new OptionError(
      `--output: expected a name that ends with .jsonl or .npy, received ${values.output}`,
    );
  const dimensions = checkWhole("--dimensions", values.dimensions, { least: 1 });
  const request: EmbedRequest = {
    model: address,
    ...(hub ? { hub } : {}),
    queues: checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 1,
    texts,
    options: {
      ...(values.prompt === undefined ? {} : { prompt: values.prompt }),
      ...(values.pooling === undefined ? {} : { pooling: values.pooling as PoolingName }),
      ...(values.normalize ? { normalize: true } : {}),
      ...(dimensions === undefined ? {} : { dimensions }),
    },
  };
  const progress = new Progress();
  const pieces: Uint8Array[] = [];
  const { result, browser } = await runModule<EmbedRequest, EmbedReport>(runtime, {
    module: "page-embed",
    request,
    folders,
    onProgress: (words, part) => progress.show(describeStep(words, name, "Embedding"), part),
    onPiece: async (_, piece) => void pieces.push(piece.slice()),
  }).finally(() => progress.end());
  const vectors = new Float32Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const seconds = result.elapsedMs / 1000;
  print([
    ...describeModel(result.info, { browser, model: name }),
    line(
      "texts",
      `${thousands(texts.length)}, ${thousands(result.tokens)} tokens, ${result.dimensions} dimensions, in ${seconds.toFixed(1)} s`,
    ),
    ...(result.truncated.length === 0
      ? []
      : [line("", `${thousands(result.truncated.length)} were longer than the model takes, and cut`)]),
  ]);
  if (output === undefined) {
    print(compare(texts.slice(0, MOST_COMPARED), vectors, result.dimensions));
    return;
  }
  await mkdir(dirname(output), { recursive: true });
  const isNpy = /\.npy$/i.test(output);
  await writeFile(
    output,
    isNpy ? toNpy(vectors, result.dimensions) : toJsonLines(texts, vectors, result.dimensions),
  );
  print([line("vectors", shorten(output))]);
}

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

const cosine = (a: Float32Array, b: Float32Array): number =>
  dot(a, b) / Math.max(Math.sqrt(dot(a, a) * dot(b, b)), 1e-12);

/** The cosines of every pair of texts, as a table. */
function compare(texts: readonly string[], vectors: Float32Array, dimensions: number): string[] {
  const rows = texts.map((_, index) => vectors.subarray(index * dimensions, (index + 1) * dimensions));
  return alignColumns(
    [
      ["cosine", ...texts.map((_, index) => String(index + 1)), "text"],
      ...texts.map((text, index) => [
        String(index + 1),
        ...rows.map((other) => cosine(rows[index]!, other).toFixed(2)),
        endOfText(text, 50),
      ]),
    ],
    texts.length + 1,
  );
}

await runCommand("embed", embed);
