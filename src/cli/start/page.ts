// What `npm start` runs in a page: loads the model through the built module, scores, then writes stories.
import { runJob, type JobReport, type JobRequest } from "../../jobs/score.js";
import { writeTexts, type WriteEvent, type WriteOptions, type WriteReport } from "../../jobs/write.js";
import { Model, type ModelInfo } from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";

export interface StartRequest extends JobRequest {
  /** The URL of the model's folder. */
  readonly model: string;
  readonly stories: { readonly count: number; readonly options: WriteOptions };
}

export interface ScoringReport extends JobReport {
  readonly info: ModelInfo;
}

export interface StartReport extends ScoringReport {
  readonly stories: WriteReport;
}

/** First the results of scoring, then the beginnings of the stories, then what is written. */
export type StartEvent =
  | { readonly scoring: ScoringReport }
  | { readonly prompts: readonly string[] }
  | { readonly written: WriteEvent };

/** What every page module exports: see page-call.ts. */
export async function run(
  { model: source, stories, ...request }: StartRequest,
  report: (words: string, part?: number) => void,
  { emit }: PageHooks<StartEvent>,
): Promise<StartReport> {
  using model = await Model.load(source, loadOptions(request.queues, report));
  const scoring = { info: model.info, ...(await runJob(model, request, { onPhase: report })) };
  emit({ scoring });
  const prompts = await chooseBeginnings(model, request.texts, stories.count);
  emit({ prompts });
  const options = { ...stories.options, maxTokens: storyTokens(model, stories.options) };
  const onEvent = (written: WriteEvent): void => emit({ written });
  return { ...scoring, stories: await writeTexts(model, { prompts, options }, { onEvent }) };
}

/** The tokens to write: at most half of a small context. */
function storyTokens(model: Model, { maxTokens = Infinity }: WriteOptions): number {
  return Math.min(maxTokens, Math.ceil(model.info.config.contextLength / 2));
}

/** Chooses `count` texts, evenly and repeatedly if there are too few. Long ones are cut to their end. */
async function chooseBeginnings(model: Model, texts: readonly string[], count: number): Promise<string[]> {
  const { contextLength } = model.info.config;
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const at = texts.length < count ? index % texts.length : Math.floor((index * texts.length) / count);
      const ids = await model.encode(texts[at]!);
      const room = Math.floor(contextLength / 2);
      return ids.length <= room ? texts[at]! : model.decode(ids.slice(-room));
    }),
  );
}
