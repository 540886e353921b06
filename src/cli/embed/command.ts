// `npx weft-webgpu embed`: the vectors of texts, into a file, and how alike texts are.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { cosineSimilarity, type PoolingName } from "../../index.js";
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
import { runModule, type Runtime } from "../browser/run-module.js";
import { alignColumns } from "../terminal/table.js";
import { readLines, readTextFile } from "../terminal/text-files.js";
import { outputFormats, writeVectors } from "./output.js";
import type { EmbedEvent, EmbedReport, EmbedRequest } from "./page.js";
import { keyOf, PartialVectors } from "./partial-vectors.js";

const helpText = `Turns texts into vectors with an encoder, on WebGPU: all of them in one call.

Usage: ${usage("embed")} "A text." "Another one." --model MODEL [options]

  --input FILE            also embed every line of this file; of a .jsonl file strings, or objects with
                          "text", "story" or "prompt"
  --output FILE           write the vectors: .jsonl or .parquet with their texts, or .npy, a float32 matrix of NumPy;
                          a run that was interrupted goes on where it was when the same command is given again
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
  const read = input === undefined ? [] : readLines(await readTextFile(input), input);
  const texts = [...positionals, ...read];
  if (texts.length === 0)
    throw new OptionError(`expected a text to embed, as in: ${usage("embed")} "The cat sat." --model MODEL`);
  const output = values.output === undefined ? undefined : fromCaller(values.output);
  const format = outputFormats.find((own) => output?.toLowerCase().endsWith(`.${own}`));
  if (output !== undefined && !format)
    throw new OptionError(
      `--output: expected a name that ends with .jsonl, .npy or .parquet, received ${values.output}`,
    );
  const dimensions = checkWhole("--dimensions", values.dimensions, { least: 1 });
  const options: EmbedRequest["options"] = {
    ...(values.prompt === undefined ? {} : { prompt: values.prompt }),
    ...(values.pooling === undefined ? {} : { pooling: values.pooling as PoolingName }),
    ...(values.normalize ? { normalize: true } : {}),
    ...(dimensions === undefined ? {} : { dimensions }),
  };
  const queues = checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 1;
  const call = {
    runtime,
    name,
    folders,
    request: { model: address, ...(hub ? { hub } : {}), queues, options },
  };
  if (output === undefined || !format) {
    const pieces: Uint8Array[] = [];
    const result = await compute(call, texts, { add: async (piece) => void pieces.push(piece.slice()) });
    const vectors = new Float32Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    print(compare(texts.slice(0, MOST_COMPARED), vectors, result.dimensions));
    return;
  }
  await mkdir(dirname(output), { recursive: true });
  const partial = await PartialVectors.open(output, keyOf({ model: values.model, hub, options, texts }));
  const before = partial.count;
  if (before > 0)
    print([line("resumed", `${thousands(before)} of ${thousands(texts.length)} texts were embedded before`)]);
  if (before < texts.length)
    await compute(call, texts.slice(before), {
      begin: (length) => partial.begin(length),
      add: (piece) => partial.add(piece),
    });
  await writeVectors(output, format, {
    texts,
    dimensions: partial.dimensions!,
    blocks: partial.read(ROWS_PER_BLOCK),
  });
  await partial.remove();
  print([line("vectors", shorten(output))]);
}

/** Vectors that are written together: a group of rows of Parquet. */
const ROWS_PER_BLOCK = 4096;

interface Call {
  readonly runtime: Runtime;
  readonly name: string;
  readonly folders: Readonly<Record<string, string>>;
  readonly request: Omit<EmbedRequest, "texts">;
}

/** Embeds texts, and prints how. `to` gets the vectors as they come. */
async function compute(
  { runtime, name, folders, request }: Call,
  texts: readonly string[],
  to: {
    readonly begin?: (dimensions: number) => Promise<void>;
    readonly add: (piece: Uint8Array) => Promise<void>;
  },
): Promise<EmbedReport> {
  const progress = new Progress();
  let begun: Promise<void> | undefined;
  const { result, browser } = await runModule<EmbedRequest, EmbedReport, EmbedEvent>(runtime, {
    module: "page-embed",
    request: { ...request, texts },
    folders,
    onProgress: (words, part) => progress.show(describeStep(words, name, "Embedding"), part),
    onEvent: (event) => {
      begun ??= to.begin?.(event.dimensions);
      begun?.catch(() => undefined); // a piece that comes waits for it, and reports it
    },
    onPiece: async (_, piece) => {
      await begun;
      await to.add(piece);
    },
  }).finally(() => progress.end());
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
  return result;
}

/** The cosines of every pair of texts, as a table. */
function compare(texts: readonly string[], vectors: Float32Array, dimensions: number): string[] {
  const rows = texts.map((_, index) => vectors.subarray(index * dimensions, (index + 1) * dimensions));
  return alignColumns(
    [
      ["cosine", ...texts.map((_, index) => String(index + 1)), "text"],
      ...texts.map((text, index) => [
        String(index + 1),
        ...rows.map((other) => cosineSimilarity(rows[index]!, other).toFixed(2)),
        endOfText(text, 50),
      ]),
    ],
    texts.length + 1,
  );
}

await runCommand("embed", embed);
