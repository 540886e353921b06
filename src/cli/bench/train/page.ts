// Benchmark: steps of training. The half that measures: first the loss, the same on any number of queues, then times.
import { measureTrace, Model, type Task, type Trace, type TrainStep } from "../../../index.js";
import { takeTurns, timed } from "../../../util/take-turns.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { quantile, spreadOf } from "../statistics.js";
import {
  makeSentences,
  makeSyntheticModel,
  toSafetensors,
  type SyntheticShape,
} from "../peers/synthetic-model.js";

export interface TrainBenchRequest {
  readonly shape: SyntheticShape;
  readonly seed: number;
  readonly lengths: readonly number[];
  readonly queues: readonly number[];
  readonly sliceTokens: number;
  readonly shares: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** The loss of the first step by the float64 reference. */
  readonly expectedLoss: number;
}

/** All kinds of task, forward ones first. */
export const taskKinds: readonly Task["kind"][] = [
  "slice",
  "attention",
  "slice-gradient",
  "attention-gradient",
  "weight-gradient",
];

/**
 * Whether a dispatch counts as forward. Besides those of forward tasks, this is the product that makes the logits, which is
 * computed together with the gradient of the loss. Computing it again for the weights counts as backward, and so does the cross
 * entropy, whose kernel computes loss and gradient.
 */
function isForward(kind: Task["kind"], kernel: string): boolean {
  return (
    kind === "slice" || kind === "attention" || (kind === "slice-gradient" && kernel === "linear.forward")
  );
}

const backwardFormula =
  "all other dispatches of the tasks ÷ (those of slices and attention, and linear.forward of slice-gradients)";

/** float32 through the model's reductions against float64, relative. */
const lossLimit = 1e-5;

/** The number of steps that are recorded, for the parts of the time. Recording makes each dispatch a pass, which is slower. */
const TRACED_STEPS = 3;

interface Timed {
  readonly elapsedMs: number[];
  readonly scoreMs: number[];
  readonly losses: number[];
  readonly traces: { readonly trace: Trace; readonly elapsedMs: number }[];
}

export async function runTrain(request: TrainBenchRequest, report: Report): Promise<CaseResult> {
  const { shape, seed, lengths, queues: configurations, repeats, sliceTokens, shares } = request;
  report("Making the model");
  const synthetic = makeSyntheticModel(shape, seed);
  const sentences = makeSentences(lengths, shape.vocabulary, seed);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const models: Model[] = [];
  try {
    const times = new Map<number, Timed>();
    const runs = new Map<number, AsyncIterator<TrainStep>>();
    for (const queues of configurations) {
      const source = { config: synthetic.config, weights: toSafetensors(synthetic) };
      const model = await Model.load(source, { queues, sliceTokens });
      models.push(model);
      times.set(queues, { elapsedMs: [], scoreMs: [], losses: [], traces: [] });
      // A batch holds all sentences, so every step trains on the same ones.
      const options = { steps: 1 + repeats, batchTokens: tokens, shares, schedule: { peak: 1e-4 } };
      runs.set(queues, model.train(sentences, options)[Symbol.asyncIterator]());
    }
    // The first step compiles and allocates, so it is checked and not measured.
    const turns = configurations.map((queues, index) => async () => {
      const own = times.get(queues)!;
      const isFirst = own.losses.length === 0;
      const { value } = (await runs.get(queues)!.next()) as { readonly value: TrainStep };
      own.losses.push(value.loss);
      const scoreMs = await timed(() => models[index]!.score(sentences));
      if (isFirst) checkLoss(value.loss, queues, request);
      else {
        own.elapsedMs.push((1000 * value.tokens) / value.tokensPerSecond);
        own.scoreMs.push(scoreMs);
      }
    });
    await takeTurns(turns, 1 + repeats, (part) => report("Checking the loss, then measuring", part));
    for (const run of runs.values()) await run.return?.();
    const [first, ...others] = configurations.map((queues) => times.get(queues)!.losses.join());
    if (others.some((losses) => losses !== first))
      throw new Error(`losses depend on the number of queues: ${[first, ...others].join(" against ")}`);
    for (const [index, queues] of configurations.entries()) {
      report("Recording", index / configurations.length);
      const traced = { steps: 1 + TRACED_STEPS, batchTokens: tokens, shares, trace: "kernels" } as const;
      for await (const step of models[index]!.train(sentences, { ...traced, schedule: { peak: 1e-4 } }))
        if (step.step > 1)
          times.get(queues)!.traces.push({
            trace: step.trace!,
            elapsedMs: (1000 * step.tokens) / step.tokensPerSecond,
          });
    }
    const loss = times.get(configurations[0]!)!.losses[0]!;
    const difference = Math.abs(loss / request.expectedLoss - 1);
    return {
      adapter: models[0]!.info.adapter,
      checks: [
        `the loss of the first step, ${loss.toFixed(4)}, differs from float64 by ${difference.toExponential(1)} of it (limit ${lossLimit})`,
        `the losses of ${repeats + 1} steps are the same bits on ${configurations.join(" and ")} queues`,
      ],
      measurements: configurations.flatMap((queues) => describe(request, queues, tokens, times)),
    };
  } finally {
    for (const model of models) model.dispose();
  }
}

function checkLoss(loss: number, queues: number, { expectedLoss }: TrainBenchRequest): void {
  // Negated, so that NaN fails.
  if (!(Math.abs(loss - expectedLoss) <= lossLimit * expectedLoss))
    throw new Error(
      `the results are wrong, nothing was measured: the first loss on ${queues} queues is ${loss}, ` +
        `expected ${expectedLoss} within ${lossLimit} of it`,
    );
}

function describe(
  request: TrainBenchRequest,
  queues: number,
  tokens: number,
  times: ReadonlyMap<number, Timed>,
): Measurement[] {
  const { shape, seed, sliceTokens, shares, repeats, quick, lengths } = request;
  const { elapsedMs, scoreMs, traces } = times.get(queues)!;
  const first = times.get(request.queues[0]!)!.elapsedMs;
  const sentences = lengths.length;
  const parameters = {
    ...shape,
    seed,
    tokens,
    sentences,
    sliceTokens,
    shares,
    repeats,
    quick,
    queues,
    optimizer: "adamw",
  };
  const measured = (
    metric: string,
    unit: string,
    values: readonly number[],
    more: object = {},
  ): Measurement => {
    const { median, p10, p90 } = spreadOf(values);
    return { metric, value: median, unit, parameters: { ...parameters, ...more, p10, p90 } };
  };
  const dispatches = traces.map(({ trace }) => dispatchesOf(trace));
  const kernels = [...new Set(dispatches.flat().map(({ kernel }) => kernel))].toSorted();
  const shareOf = (belongs: (dispatch: Dispatch) => boolean): number[] =>
    dispatches.map((all) => timeOf(all.filter(belongs)) / timeOf(all));
  return [
    measured("elapsed", "ms", elapsedMs),
    measured(
      "tokens",
      "tokens/s",
      elapsedMs.map((ms) => (1000 * tokens) / ms),
    ),
    measured(
      "backwardRatio",
      "× of the forward pass with its logits",
      shareOf(({ kind, kernel }) => isForward(kind, kernel)).map((forward) => (1 - forward) / forward),
      { formula: backwardFormula, tracedSteps: TRACED_STEPS },
    ),
    measured(
      "stepRatio",
      "× of scoring the same sentences",
      elapsedMs.map((ms) => ms / quantile(scoreMs, 0.5)),
    ),
    measured("score", "ms", scoreMs),
    ...taskKinds.map((kind) =>
      measured(
        "share",
        "of the tasks' time",
        shareOf((dispatch) => dispatch.kind === kind),
        { kind },
      ),
    ),
    ...kernels.map((kernel) =>
      measured(
        "kernelShare",
        "of the tasks' time",
        shareOf((dispatch) => dispatch.kernel === kernel),
        { kernel },
      ),
    ),
    measured(
      "outside",
      "of a recorded step",
      traces.map(({ trace, elapsedMs: ms }) => Math.max(0, 1 - measureTrace(trace).makespanMs / ms)),
    ),
    ...(queues === request.queues[0]
      ? []
      : [
          measured(
            "speedup",
            `× of ${request.queues[0]} queue`,
            elapsedMs.map((ms, repeat) => first[repeat]! / ms),
          ),
        ]),
  ];
}

interface Dispatch {
  readonly kind: Task["kind"];
  readonly kernel: string;
  readonly elapsedMs: number;
}

function dispatchesOf(trace: Trace): Dispatch[] {
  return trace.submissions.flatMap(({ stages }) =>
    stages.flatMap(({ tasks, kernels }) => {
      if (!kernels) throw new Error("the adapter has no timestamps, so that no share can be measured");
      return kernels.map((time) => ({ kind: tasks[0]!.kind, ...time }));
    }),
  );
}

function timeOf(dispatches: readonly Dispatch[]): number {
  return dispatches.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
}
