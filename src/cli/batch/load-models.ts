// Loads the models of a batch, and makes the handler that answers its requests.
import { Model } from "../../index.js";
import { createHandler, type Handler, type RequestRecord } from "../../openai/index.js";
import { describeRecovery } from "../../jobs/words.js";
import { loadOptions } from "../browser/page-load.js";
import { describeStep } from "../terminal/command.js";
import type { PlacedModel } from "../terminal/model-choice.js";
import { MOST_LINE_BYTES } from "./file-lines.js";
import type { BatchModels } from "./options.js";

export interface LoadHooks {
  readonly signal: AbortSignal;
  /** What is done, in words. `part`: how much of it. */
  readonly onStep: (words: string, part?: number) => void;
  readonly onRequest: (record: RequestRecord) => void;
}

export interface LoadedModels extends AsyncDisposable {
  readonly handler: Handler;
  readonly models: ReadonlyMap<string, Model>;
}

/** A model whose device is lost opens another one by itself, and its answers go on. */
export async function loadModels(
  { models: wanted, queues, cache, concurrency, timeoutMs, toolFormat }: BatchModels,
  { signal, onStep, onRequest }: LoadHooks,
): Promise<LoadedModels> {
  const models = new Map<string, Model>();
  const dispose = async (): Promise<void> => {
    for (const model of models.values()) await model[Symbol.asyncDispose]();
  };
  const load = ([name, { address, hub }]: readonly [string, PlacedModel]): Promise<Model> =>
    Model.load(address, {
      ...loadOptions(queues, (words, part) => onStep(describeStep(words, name), part), signal, hub),
      cache,
      maxConcurrentRequests: concurrency,
      onRecovery: (event) => onStep(`${name}: ${describeRecovery(event)}`),
    });
  try {
    for (const entry of wanted) models.set(entry[0], await load(entry));
  } catch (error) {
    await dispose();
    throw error;
  }
  const handler = createHandler(models, {
    // No more requests are asked at once than may wait, so that none is refused for others.
    limits: { bodyBytes: MOST_LINE_BYTES, concurrent: concurrency, queue: concurrency },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(toolFormat === undefined ? {} : { toolFormat }),
    onRequest,
  });
  return { handler, models, [Symbol.asyncDispose]: dispose };
}
