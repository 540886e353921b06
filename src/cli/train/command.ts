// `npm run train`: trains a model in a headless browser or in Node, shows progress, and writes the model and checkpoints.
import { copyFile, readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { count } from "../../jobs/words.js";
import type { ModelInfo, NewModelOptions, TrainStep } from "../../index.js";
import { describeStep, print, runCommand, shorten, writeInto } from "../terminal/command.js";
import { embedded, isGgufPath, placeModel } from "../terminal/model-choice.js";
import { FileSink } from "../terminal/file-sink.js";
import { readTextFile } from "../terminal/text-files.js";
import type { TrainEvent, TrainReport, TrainRequest } from "./page.js";
import { describeModel, line } from "../terminal/print-report.js";
import { Progress } from "../terminal/progress.js";
import { distFolder } from "../browser/dist-folder.js";
import { exitStatus, type EndingSignal } from "../browser/ending-signals.js";
import { runModule } from "../browser/run-module.js";
import { holdOut, parseTexts } from "./data.js";
import { addWithLog } from "./log-order.js";
import { OptionError } from "../terminal/option-values.js";
import { helpText, parseTrainOptions, type TrainCommand } from "./options.js";
import { describeTraining, LiveLine, showLine } from "./report.js";

const textFiles = ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] as const;

/** The content of train_log.json and of the file of --json. */
interface TrainLog {
  readonly model: string;
  readonly data: { readonly file: string; readonly texts: number; readonly validationTexts: number };
  readonly fresh: TrainCommand["fresh"];
  readonly options: TrainCommand["options"];
  readonly every: number;
  readonly queues: number;
  readonly runtime: string;
  readonly adapter: ModelInfo["adapter"] | undefined;
  readonly steps: readonly TrainStep[];
}

async function train(command: TrainCommand): Promise<void> {
  const { out, every, queues, options, resume, json } = command;
  const { name, address, folders, hub } = placeModel(command.model, command.runtime);
  const folder = folderOf(command);
  const data = await readData(command);
  const fresh = command.fresh && folder && (await describeFresh(folder, command));
  const isNode = command.runtime === "node";
  const request: TrainRequest = {
    model: address,
    ...(hub ? { hub } : {}),
    sendsTexts: folder === undefined,
    ...(fresh ? { fresh } : {}),
    queues,
    texts: data.train,
    validation: data.validation,
    every,
    ...(resume === undefined ? {} : { resume: isNode ? resume : `/resume/${basename(resume)}` }),
    options,
  };

  const sink = new FileSink(out);
  await prepareOut(sink);
  const earlier = resume === undefined ? [] : await readEarlierSteps(dirname(resume));
  const steps: TrainStep[] = [];
  let runtime = `Dawn in Node ${process.version}`;
  let adapter: ModelInfo["adapter"] | undefined;
  const showLog = (): string => {
    const log: TrainLog = {
      model: name,
      data: {
        file: basename(command.data),
        texts: data.train.length,
        validationTexts: data.validation.length,
      },
      fresh: command.fresh,
      options,
      every,
      queues,
      runtime,
      adapter,
      steps: [...earlier.filter(({ step }) => step < (steps[0]?.step ?? Infinity)), ...steps],
    };
    return `${JSON.stringify(log)}\n`;
  };

  const progress = new Progress();
  let live: LiveLine | undefined;
  let beganMs = performance.now();
  const onEvent = (event: TrainEvent, browser?: string): void => {
    progress.end();
    runtime = browser ?? runtime;
    if ("info" in event) {
      ({ adapter } = event.info);
      const title = command.fresh ? `new, with the tokenizer of ${name}` : name;
      print([
        ...describeModel(event.info, { browser: runtime, model: title }),
        line("data", `${count(data.train.length, "text")}, ${data.validation.length} more held out`),
        "",
      ]);
      beganMs = performance.now();
      live = new LiveLine({ steps: options.steps, every, nowMs: beganMs });
    } else {
      steps.push(event.step);
      showLine(live!.add(event.step, performance.now()));
    }
  };
  let hasTextFiles = folder === undefined || folder === out;
  const onPiece = async (file: string, piece: Uint8Array, isLast: boolean): Promise<void> => {
    // A checkpoint is gone on from with the tokenizer beside it, so the texts' files come first.
    if (!hasTextFiles) await copyTextFiles(folder!, out);
    hasTextFiles = true;
    await addWithLog(sink, { file, piece, isLast }, showLog);
  };
  let isInterrupted = false;
  const onInterrupt = (signal: EndingSignal): void => {
    if (!isInterrupted) process.stdout.write("\nEnding after this step, with a checkpoint …\n");
    isInterrupted = true;
    process.exitCode = exitStatus(signal);
  };
  const onProgress = (words: string, part?: number): void =>
    progress.show(describeStep(words, name, "Compiling and encoding the texts"), part);
  const hooks = { onEvent, onPiece, onInterrupt, onProgress };
  try {
    const { result: report } = await runModule<TrainRequest, TrainReport, TrainEvent>(command.runtime, {
      module: "page-train",
      request,
      folders: { ...folders, ...(resume === undefined ? {} : { "/resume/": dirname(resume) }) },
      ...hooks,
    });
    if (json !== undefined) await writeInto(json, showLog());
    print([
      ...describeTraining(steps, performance.now() - beganMs, report.sample),
      line("written", `${shorten(out)}: model, tokenizer, checkpoint and log`),
      ...(report.isWhole
        ? []
        : [line("go on with", `the same options and --resume ${join(out, "checkpoint.safetensors")}`)]),
    ]);
  } catch (error) {
    // An interruption before the first step is no error: there is nothing to keep.
    if (!isInterrupted || steps.length > 0) throw error;
  } finally {
    progress.end();
    await sink.end();
  }
}

/** The folder of the model's tokenizer. Undefined for models of a hub and in GGUF, which send theirs. */
function folderOf({ model }: TrainCommand): string | undefined {
  if (model === undefined) return join(distFolder, embedded);
  return typeof model === "string" && !isGgufPath(model) ? model : undefined;
}

/** Finds out whether files can be written before anything is computed for them. @throws OptionError. */
async function prepareOut(sink: FileSink): Promise<void> {
  try {
    await sink.prepare();
  } catch (error) {
    throw new OptionError(
      `--out: expected a folder to write to, received ${sink.folder}: ${(error as Error).message}`,
    );
  }
}

async function copyTextFiles(from: string, to: string): Promise<void> {
  for (const file of textFiles)
    if (existsSync(join(from, file))) await copyFile(join(from, file), join(to, file));
}

async function readData(
  command: TrainCommand,
): Promise<{ readonly train: readonly string[]; readonly validation: readonly string[] }> {
  const texts = parseTexts("--data", command.data, await readTextFile(command.data));
  const { validation } = command;
  if (validation === undefined) return holdOut(texts, command.holdOut);
  return {
    train: texts,
    validation: parseTexts("--validation", validation, await readTextFile(validation)),
  };
}

/** Describes the new model: its shape comes from the command, its tokenizer from the model in `folder`. */
async function describeFresh(folder: string, { fresh, options }: TrainCommand): Promise<NewModelOptions> {
  const read = async (file: string): Promise<Record<string, unknown>> =>
    JSON.parse(await readTextFile(join(folder, file))) as Record<string, unknown>;
  const config = await read("config.json");
  const token = (key: string): number | undefined =>
    typeof config[key] === "number" && config[key] < Number(config["vocab_size"]) ? config[key] : undefined;
  const [beginToken, endToken] = [token("bos_token_id"), token("eos_token_id")];
  const hasTokenizerConfig = existsSync(join(folder, "tokenizer_config.json"));
  return {
    ...fresh!,
    vocabularySize: Number(config["vocab_size"]),
    seed: options.seed,
    ...(beginToken === undefined ? {} : { beginToken }),
    ...(endToken === undefined ? {} : { endToken }),
    tokenizer: await read("tokenizer.json"),
    ...(hasTokenizerConfig ? { tokenizerConfig: await read("tokenizer_config.json") } : {}),
  };
}

/** The steps before a checkpoint, if its folder has a log of them. */
async function readEarlierSteps(folder: string): Promise<readonly TrainStep[]> {
  try {
    const log = JSON.parse(await readFile(join(folder, "train_log.json"), "utf8")) as Partial<TrainLog>;
    return log.steps ?? [];
  } catch {
    return [];
  }
}

await runCommand("train", async () => {
  const command = parseTrainOptions(process.argv.slice(2));
  if (command.help) process.stdout.write(`${helpText}\n`);
  else await train(command);
});
