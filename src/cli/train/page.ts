// What `npm run train` runs in a page or in Node: loads or makes the model through the built module, trains it, and sends
// checkpoints and weights as files.
import {
  createModelParts,
  Model,
  type HubOptions,
  type ModelInfo,
  type NewModelOptions,
  type TrainStep,
} from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";
import type { TrainChoices } from "./options.js";

export interface TrainRequest {
  /** The URL or path of the model's folder. */
  readonly model: string;
  readonly hub?: HubOptions;
  /** Whether the files of its tokenizer are sent too, before everything else. */
  readonly sendsTexts: boolean;
  /** If present, a new model of this shape is trained instead. */
  readonly fresh?: NewModelOptions;
  readonly queues: number;
  readonly texts: readonly string[];
  /** Empty for none. */
  readonly validation: readonly string[];
  readonly every: number;
  /** The URL or path of a checkpoint. */
  readonly resume?: string;
  readonly options: TrainChoices;
}

export interface TrainReport {
  readonly info: ModelInfo;
  /** Whether all steps were done. */
  readonly isWhole: boolean;
  /** A text of the trained model. Empty if it has no begin token. */
  readonly sample: string;
}

export type TrainEvent = { readonly info: ModelInfo } | { readonly step: TrainStep };

/** What every page module exports: see page-call.ts. Aborting ends the run after the step it is in. */
export async function run(
  request: TrainRequest,
  report: (words: string, part?: number) => void,
  { emit, send, signal }: PageHooks<TrainEvent>,
): Promise<TrainReport> {
  const { fresh, hub, queues, texts, validation, every, options } = request;
  const resume = request.resume === undefined ? undefined : await readBytes(request.resume);
  const source = fresh ? createModelParts(fresh) : request.model;
  using model = await Model.load(source, {
    ...loadOptions(queues, report, signal, hub),
    weights: "f32",
  });
  emit({ info: model.info });
  report("training");
  const training = model.train(texts, {
    ...options,
    ...(validation.length > 0 ? { validation: { sentences: validation, every } } : {}),
    ...(resume ? { resume } : {}),
  });
  let hasSentTexts = !request.sendsTexts;
  // A checkpoint is gone on from with the tokenizer beside it.
  const sendTexts = async (): Promise<void> => {
    if (!hasSentTexts) await sendTextFiles(model, send);
    hasSentTexts = true;
  };
  let last = 0;
  for await (const step of training) {
    emit({ step });
    last = step.step;
    const isEnd = last === options.steps || signal.aborted;
    if (isEnd || last % every === 0) {
      await sendTexts();
      await send("checkpoint.safetensors", await training.checkpoint());
      await sendModel(model, send);
    }
    if (isEnd) break;
  }
  // After a checkpoint of the last step there is nothing left to do.
  if (last === 0) {
    await sendTexts();
    await sendModel(model, send);
  }
  return {
    info: model.info,
    isWhole: last === 0 || last === options.steps,
    sample: await writeSample(model),
  };
}

async function sendModel(model: Model, send: PageHooks["send"]): Promise<void> {
  const { config, weights } = await model.save();
  await send("config.json", new TextEncoder().encode(`${JSON.stringify(config, undefined, 2)}\n`));
  await send("model.safetensors", weights);
}

async function sendTextFiles(model: Model, send: PageHooks["send"]): Promise<void> {
  const { tokenizer, tokenizerConfig, chatTemplate, generationConfig } = await model.save();
  const sendText = (name: string, text: string): Promise<void> => send(name, new TextEncoder().encode(text));
  for (const [name, value] of Object.entries({
    "tokenizer.json": tokenizer,
    "tokenizer_config.json": tokenizerConfig,
    "generation_config.json": generationConfig,
  }))
    if (value !== undefined) await sendText(name, `${JSON.stringify(value)}\n`);
  if (chatTemplate !== undefined) await sendText("chat_template.jinja", chatTemplate);
}

async function writeSample(model: Model): Promise<string> {
  const { beginToken, contextLength } = model.info.config;
  if (beginToken === undefined) return "";
  const maxTokens = Math.min(60, contextLength - 1);
  return (await model.generate([beginToken], { maxTokens, temperature: 0.7, topK: 40, seed: 1 })).text;
}

/** Reads a file: from a URL in a page, from a path in Node. */
async function readBytes(address: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!("document" in globalThis)) {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(address));
  }
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the checkpoint could not be read: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
