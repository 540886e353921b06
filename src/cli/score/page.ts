// What `weft score` runs in a page or in Node: loads the model and computes how likely each text is, token by token.
import { Model, type HubOptions, type ModelInfo } from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";

export interface ScoreRequest {
  /** The URL or path of the model's folder or file, or a hub's name. */
  readonly model: string;
  readonly hub?: HubOptions;
  readonly queues: number;
  readonly texts: readonly string[];
}

export interface ScoredText {
  readonly text: string;
  /** In nats. */
  readonly sum: number;
  readonly perplexity: number;
  /** Every token that was scored: its text, and its log-probability given those before it, in nats. */
  readonly tokens: readonly { readonly text: string; readonly logProbability: number }[];
}

export interface ScoreReport {
  readonly info: ModelInfo;
  readonly texts: readonly ScoredText[];
}

/** What every page module exports: see page-call.ts. */
export async function run(
  { model: source, hub, queues, texts }: ScoreRequest,
  report: (words: string, part?: number) => void,
  { signal }: PageHooks,
): Promise<ScoreReport> {
  using model = await Model.load(source, loadOptions(queues, report, signal, hub));
  report("scoring");
  const scores = await model.score(texts, { signal });
  const scored = await Promise.all(
    scores.map(async ({ tokens, logProbabilities, sum, perplexity }, index) => ({
      text: texts[index]!,
      sum,
      perplexity,
      tokens: await Promise.all(
        Array.from(logProbabilities, async (logProbability, place) => ({
          text: await model.decode([tokens[place + 1]!]),
          logProbability,
        })),
      ),
    })),
  );
  return { info: model.info, texts: scored };
}
