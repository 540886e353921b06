// Benchmark: a server. The half that measures: answers through HTTP first, which must be those of calls, then both in turns.
import { Model } from "../../../index.js";
import { count } from "../../../jobs/words.js";
import { takeTurns } from "../../../util/take-turns.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { makePrompts } from "../decode/prompts.js";
import { quantile, spreadOf } from "../statistics.js";
import type { Answers, Load, ServedModel, Watched } from "./served-model.js";

export interface ServeBenchRequest {
  /** Its name for people, and what `Model.load` is given. */
  readonly name: string;
  readonly model: string;
  readonly repeats: number;
  readonly quick: boolean;
  /** How many clients ask at once, each once in a turn. */
  readonly clients: readonly number[];
  /** The tokens of each answer. */
  readonly maxTokens: number;
}

export async function runServe(request: ServeBenchRequest, report: Report): Promise<CaseResult> {
  const { name, model: source, repeats, quick, maxTokens } = request;
  // Node's, which no page has: a page gets as far as the command's half only.
  const { ServedModel: Served, watched } = await import("./served-model.js");
  report(`Loading ${name}`);
  using model = await Model.load(source, { queues: 1, maxConcurrentRequests: 64 });
  // Texts go on, so that every answer has as many tokens.
  const bias = Object.fromEntries([model.info.config.endTokens ?? []].flat().map((token) => [token, -100]));
  const served = await Served.start(model, name);
  try {
    const load = { maxTokens, bias };
    const prompts = makePrompts(Math.max(...request.clients));
    report("Checking answers through HTTP against those of calls");
    const checks = [await check(model, served, prompts.slice(0, 4), load)];
    const measurements: Measurement[] = [];
    for (const clients of request.clients) {
      const own = prompts.slice(0, clients);
      const runs = [
        (): Promise<Watched<Answers>> => watched(() => served.ask(own, load)),
        (): Promise<Watched<Answers>> => watched(() => callAll(model, own, load)),
      ];
      const [http, calls] = await takeTurns(runs, repeats, (part) =>
        report(`Measuring ${count(clients, "client")}`, part),
      );
      measurements.push(
        ...describe(http!, calls!, { model: name, repeats, quick, queues: 1, clients, maxTokens }),
      );
    }
    return { adapter: model.info.adapter, checks, measurements };
  } finally {
    await served.stop();
  }
}

/** @throws when an answer is not the text that a call gives. */
async function check(
  model: Model,
  served: ServedModel,
  prompts: readonly string[],
  load: Load,
): Promise<string> {
  const [{ texts: answers }, { texts }] = [
    await served.ask(prompts, load),
    await callAll(model, prompts, load),
  ];
  const wrong = texts.findIndex((text, index) => answers[index] !== text);
  if (wrong >= 0)
    throw new Error(
      `answers through HTTP are wrong, nothing was measured: ${JSON.stringify(answers[wrong])}, ` +
        `expected ${JSON.stringify(texts[wrong])}`,
    );
  return `${count(texts.length, "answer")} through HTTP are the texts of calls`;
}

async function callAll(
  model: Model,
  prompts: readonly string[],
  { maxTokens, bias }: Load,
): Promise<Answers> {
  const beganMs = performance.now();
  const results = await Promise.all(
    prompts.map((prompt) => model.generate(prompt, { temperature: 0, maxTokens, logitBias: bias })),
  );
  const short = results.find(({ tokens }) => tokens.length < maxTokens);
  if (short) throw new Error(`a text ends after ${short.tokens.length} of ${maxTokens} tokens`);
  return {
    texts: results.map(({ text }) => text),
    elapsedMs: performance.now() - beganMs,
    firstTokenMs: results.map(({ timings }) => timings.firstTokenMs),
  };
}

function describe(
  http: readonly Watched<Answers>[],
  calls: readonly Watched<Answers>[],
  parameters: Readonly<Record<string, unknown>> & { readonly clients: number; readonly maxTokens: number },
): Measurement[] {
  const measured = (
    metric: string,
    unit: string,
    values: readonly number[],
    more: Readonly<Record<string, unknown>> = {},
  ): Measurement => {
    const { median, p10, p90 } = spreadOf(values);
    return { metric, value: median, unit, parameters: { ...parameters, ...more, p10, p90 } };
  };
  const tokens = parameters.clients * parameters.maxTokens;
  const speeds = (turns: readonly Watched<Answers>[]): number[] =>
    turns.map(({ elapsedMs }) => (1000 * tokens) / elapsedMs);
  return [
    measured(
      "requests",
      "requests/s",
      http.map(({ elapsedMs }) => (1000 * parameters.clients) / elapsedMs),
    ),
    measured("tokens", "tokens/s", speeds(http), { through: "HTTP" }),
    measured("tokens", "tokens/s", speeds(calls), { through: "calls" }),
    measured(
      "ratio",
      "× of calls",
      http.map(({ elapsedMs }, round) => calls[round]!.elapsedMs / elapsedMs),
    ),
    measured(
      "overhead",
      "ms of host time per token",
      http.map(({ hostMs }, round) => (hostMs - calls[round]!.hostMs) / tokens),
    ),
    ...[0.5, 0.95].map((share) =>
      measured(
        "firstToken",
        "ms",
        [
          quantile(
            http.flatMap((turn) => turn.firstTokenMs),
            share,
          ),
        ],
        {
          quantile: share,
        },
      ),
    ),
  ];
}
