// Benchmark: the forward pass of a ragged batch. The half that measures: results first, then dispatch counts, then times.
import { count } from "../../../jobs/words.js";
import { measureTrace, Model, renderTimeline, type RunStats } from "../../../index.js";
import { timed, timeInTurns } from "../../../util/take-turns.js";
import { measureBaselines } from "./baselines.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { spreadOf, usefulFlops, usefulFlopsFormula } from "../statistics.js";
import {
  makeSentences,
  makeSyntheticModel,
  toSafetensors,
  type SyntheticShape,
} from "../peers/synthetic-model.js";

export interface ForwardRequest {
  readonly shape: SyntheticShape;
  readonly seed: number;
  readonly lengths: readonly number[];
  readonly queues: readonly number[];
  readonly sliceTokens: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** Logits of the float64 reference after the last token of some sentences. */
  readonly expected: readonly { readonly sentence: number; readonly logits: readonly number[] }[];
  /** Batch sizes and k that must not change the number of dispatches. */
  readonly batches: readonly number[];
  readonly slices: readonly number[];
  /** The address of other runtimes' packages; undefined leaves them out. */
  readonly peers?: string;
}

/** float32 through the model's reductions against float64, as |a − b| ≤ limit · (1 + |b|). */
const logitsLimit = 1e-4;

export async function runForward(request: ForwardRequest, report: Report): Promise<CaseResult> {
  const { shape, seed, lengths, sliceTokens } = request;
  report("Making the model");
  const synthetic = makeSyntheticModel(shape, seed);
  const sentences = makeSentences(lengths, shape.vocabulary, seed);
  using model = await Model.load(
    { config: synthetic.config, weights: toSafetensors(synthetic) },
    { queues: Math.max(...request.queues), sliceTokens },
  );
  report("The first pass");
  const cold = await timeCold(model, sentences, request);
  const checks: string[] = [];
  for (const queues of request.queues)
    checks.push(await checkLogits(model, sentences, queues, request, report));
  const counts = await countDispatches(model, sentences, request, report);
  checks.push(
    `the dispatches of a queue are the same for batches of ${request.batches.join(", ")} and k of ${request.slices.join(", ")}`,
  );
  const times = await measure(model, sentences, request, report);
  const baselines = await measureBaselines({
    model,
    synthetic,
    sentences,
    peers: request.peers,
    repeats: request.repeats,
    parameters: { ...describe(request), queues: 1, batch: sentences.length },
    check: (logits, of) => checkAgainst(logits, of, request),
    report,
  });
  checks.push(...baselines.checks);
  const { trace } = await model.forward(sentences, { trace: true });
  const encodedMs = trace!.submissions.reduce((sum, own) => sum + own.submittedMs - own.encodedMs, 0);
  const encoding: Measurement = {
    metric: "encodingShare",
    value: encodedMs / measureTrace(trace!).makespanMs,
    unit: "of the time of a pass",
    parameters: { ...describe(request), queues: model.info.queues, batch: sentences.length, encodedMs },
  };
  return {
    adapter: model.info.adapter,
    checks,
    measurements: [cold, ...times, ...counts, ...baselines.measurements, encoding],
    picture: renderTimeline(trace!, {
      title: `${count(sentences.length, "sentence")} on ${name(model.info.queues)}`,
    }),
  };
}

/** Times loading, and the very first pass, in which the driver compiles what it has left for later. */
async function timeCold(
  model: Model,
  sentences: readonly number[][],
  request: ForwardRequest,
): Promise<Measurement> {
  const queues = request.queues[0]!;
  const elapsedMs = await timed(() => model.forward(sentences, { queues }));
  const { loadMs } = model.info;
  const parameters = { ...describe(request), queues, batch: sentences.length, loadMs };
  return { metric: "coldElapsed", value: elapsedMs, unit: "ms", parameters };
}

async function checkLogits(
  model: Model,
  sentences: readonly number[][],
  queues: number,
  request: ForwardRequest,
  report: Report,
): Promise<string> {
  report("Checking logits against float64");
  const { logits } = await model.forward(sentences, { queues });
  return checkAgainst(logits, name(queues), request);
}

/** @throws when logits after the last tokens are not those of the float64 reference. */
function checkAgainst(
  logits: readonly Float32Array[],
  of: string,
  { expected }: Pick<ForwardRequest, "expected">,
): string {
  let worst = 0;
  for (const { sentence, logits: wanted } of expected) {
    const received = logits[sentence]!;
    for (const [index, value] of wanted.entries()) {
      const difference = Math.abs(received[index]! - value) / (1 + Math.abs(value));
      // Negated, so that NaN fails.
      if (!(difference <= logitsLimit))
        throw new Error(
          `the results are wrong, nothing was measured: on ${of}, logit ${index} of sentence ${sentence} ` +
            `is ${received[index]}, expected ${value} within ${logitsLimit}`,
        );
      worst = Math.max(worst, difference);
    }
  }
  return (
    `logits of ${count(expected.length, "sentence")} on ${of} differ from float64 by at most ` +
    `${worst.toExponential(1)} (limit ${logitsLimit})`
  );
}

/** @throws when queues that have work do not all get the same number of dispatches. */
async function countDispatches(
  model: Model,
  sentences: readonly number[][],
  request: ForwardRequest,
  report: Report,
): Promise<Measurement[]> {
  const runs = request.queues.flatMap((queues) =>
    request.batches.flatMap((batch) => request.slices.map((k) => ({ queues, batch, k }))),
  );
  const measurements: Measurement[] = [];
  const seen = new Set<number>();
  for (const [index, { queues, batch, k }] of runs.entries()) {
    report("Counting dispatches", index / runs.length);
    const { stats } = await model.forward(sentences.slice(0, batch), { queues, sliceTokens: k });
    for (const [queue, { tokens, dispatches }] of stats.queues.entries()) {
      if (tokens === 0) continue;
      seen.add(dispatches);
      const parameters = { ...describe(request), queues, queue, batch, sliceTokens: k };
      measurements.push({ metric: "dispatches", value: dispatches, unit: "per queue", parameters });
    }
  }
  if (seen.size === 1) return measurements;
  const table = measurements.map(({ value, parameters }) => {
    const { queues, queue, batch, sliceTokens: k } = parameters;
    return `${value} on queue ${queue as number} of ${queues as number} for a batch of ${batch as number} and k = ${k as number}`;
  });
  throw new Error(`dispatches depend on the batch or on k:\n  ${table.join("\n  ")}`);
}

async function measure(
  model: Model,
  sentences: readonly number[][],
  request: ForwardRequest,
  report: Report,
): Promise<Measurement[]> {
  const { queues: configurations, repeats } = request;
  report("Warming up");
  const stats = new Map<number, RunStats>();
  for (const queues of configurations) stats.set(queues, (await model.forward(sentences, { queues })).stats);
  const times = await timeInTurns(
    configurations.map((queues) => () => model.forward(sentences, { queues })),
    repeats,
    (part) => report("Measuring", part),
  );
  const tokens = request.lengths.reduce((sum, length) => sum + length, 0);
  const flops = usefulFlops(request.shape, request.lengths);
  return configurations.flatMap((queues, index): Measurement[] => {
    const elapsed = times[index]!;
    const { submissions, dispatches } = stats.get(queues)!;
    const parameters = { ...describe(request), queues, batch: sentences.length };
    const measured = (
      metric: string,
      unit: string,
      values: readonly number[],
      more: object = {},
    ): Measurement => {
      const { median, p10, p90 } = spreadOf(values);
      return { metric, value: median, unit, parameters: { ...parameters, p10, p90, ...more } };
    };
    const counted = (metric: string, value: number): Measurement => ({
      metric,
      value: value / queues,
      unit: "per queue and pass",
      parameters,
    });
    const first = times[0]!;
    return [
      measured("elapsed", "ms", elapsed),
      measured(
        "tokens",
        "tokens/s",
        elapsed.map((ms) => (1000 * tokens) / ms),
      ),
      measured(
        "usefulWork",
        "GFLOP/s",
        elapsed.map((ms) => flops / ms / 1e6),
        { formula: usefulFlopsFormula },
      ),
      counted("dispatchesPerPass", dispatches),
      counted("submissionsPerPass", submissions),
      ...(index === 0
        ? []
        : [
            measured(
              "speedup",
              `× of ${name(configurations[0]!)}`,
              elapsed.map((ms, repeat) => first[repeat]! / ms),
            ),
          ]),
    ];
  });
}

function describe(request: ForwardRequest): Readonly<Record<string, unknown>> {
  const { shape, seed, lengths, sliceTokens, repeats, quick } = request;
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return { ...shape, seed, tokens, sliceTokens, repeats, quick };
}

function name(queues: number): string {
  return queues === 1 ? "1 queue" : `${queues} queues`;
}
