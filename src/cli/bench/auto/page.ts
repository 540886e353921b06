// Benchmark: is weft's own choice of settings as good as the best fixed setting? The half that measures.
import { Model, type RunOptions } from "../../../index.js";
import { timeInTurns } from "../../../util/take-turns.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { spreadOf } from "../statistics.js";
import {
  makeSentences,
  makeSyntheticModel,
  toSafetensors,
  type SyntheticModel,
} from "../peers/synthetic-model.js";
import type { Workload } from "../workloads.js";

export interface AutoRequest {
  readonly workloads: readonly Workload[];
  readonly settings: readonly Setting[];
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
}

/** The settings that a caller may fix. */
export type Setting = Required<Pick<RunOptions, "queues" | "placement" | "sliceTokens">>;

interface Contestant {
  readonly name: string;
  readonly model: Model;
  readonly options: RunOptions;
}

export async function runAuto(request: AutoRequest, report: Report): Promise<CaseResult> {
  const checks: string[] = [];
  const measurements: Measurement[] = [];
  let adapter: CaseResult["adapter"] | undefined;
  for (const [index, workload] of request.workloads.entries()) {
    const within: Report = (words, part = 0) =>
      report(`${workload.name}: ${words}`, (index + part) / request.workloads.length);
    within("making the model");
    const synthetic = makeSyntheticModel(workload.shape, request.seed);
    const result = await runWorkload(workload, synthetic, request, within);
    adapter = result.adapter;
    checks.push(...result.checks);
    measurements.push(...result.measurements);
  }
  return { adapter: adapter!, checks, measurements };
}

async function runWorkload(
  workload: Workload,
  synthetic: SyntheticModel,
  { settings, seed, repeats, quick }: AutoRequest,
  report: Report,
): Promise<CaseResult> {
  const { name, shape, lengths } = workload;
  const sentences = makeSentences(lengths, shape.vocabulary, seed);
  const files = { config: synthetic.config, weights: toSafetensors(synthetic) };
  using fixed = await Model.load(files, { queues: 2 });
  using usual = await Model.load(files);
  using tuned = await Model.load(files, { tune: true });
  const fixedOnes = settings.map((options): Contestant => ({ name: nameOf(options), model: fixed, options }));
  const autos: Contestant[] = [
    { name: "auto", model: usual, options: {} },
    { name: "auto, tuned", model: tuned, options: {} },
  ];
  report("checking that no choice changes a bit");
  await checkBits(sentences, [...fixedOnes, ...autos]);

  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const times = await measure(sentences, fixedOnes, repeats, (part) => report("fixed settings", part / 2));
  const medians = times.map((own) => spreadOf(own).median);
  const best = fixedOnes[medians.indexOf(Math.min(...medians))]!;
  // The best of several was partly lucky, so it is measured again beside those that it is compared with.
  const finalists = [best, ...autos];
  const finals = await measure(sentences, finalists, 2 * repeats, (part) =>
    report("against the best", (1 + part) / 2),
  );
  const measurements: Measurement[] = [];
  for (const [index, { name: contestant, model, options }] of finalists.entries()) {
    const { stats } = await model.forward(sentences, options);
    const chosen = nameOf({ ...stats, queues: stats.queues.length });
    const parameters = { ...shape, workload: name, contestant, chosen, tokens, seed, repeats, quick };
    const { gain } = model.info.schedule;
    const measured = (metric: string, unit: string, values: readonly number[]): Measurement => {
      const { median, p10, p90 } = spreadOf(values);
      return { metric, value: median, unit, parameters: { ...parameters, ...(gain && { gain }), p10, p90 } };
    };
    measurements.push(
      measured(
        "tokens",
        "tokens/s",
        finals[index]!.map((ms) => (1000 * tokens) / ms),
      ),
      measured(
        "ofBest",
        "× of the best fixed setting",
        finals[index]!.map((ms, repeat) => finals[0]![repeat]! / ms),
      ),
    );
  }
  const checks = [`${name}: the logits have the same bits under all ${settings.length + 2} settings`];
  return { adapter: fixed.info.adapter, checks, measurements };
}

function nameOf({ queues, placement, sliceTokens }: Setting): string {
  const where = queues === 1 ? "1 queue" : `${queues} queues, ${placement}`;
  return `${where}, k = ${sliceTokens}`;
}

/** Runs every contestant once, which also warms it up. @throws when the logits of a sentence differ anywhere. */
async function checkBits(sentences: readonly number[][], contestants: readonly Contestant[]): Promise<void> {
  let expected: readonly Float32Array[] | undefined;
  for (const { name, model, options } of contestants) {
    const { logits } = await model.forward(sentences, options);
    expected ??= logits;
    for (const [index, own] of logits.entries())
      if (own.some((value, at) => value !== expected![index]![at]))
        throw new Error(`the results are wrong, nothing was measured: ${name} changes sentence ${index}`);
  }
}

/** The milliseconds of each contestant. */
async function measure(
  sentences: readonly number[][],
  contestants: readonly Contestant[],
  repeats: number,
  onPart: (part: number) => void,
): Promise<number[][]> {
  const runs = contestants.map(
    ({ model, options }) =>
      () =>
        model.forward(sentences, options),
  );
  return timeInTurns(runs, repeats, onPart);
}
