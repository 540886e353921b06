// Runs one call from token ids to values: plan, placement, arenas, run, statistics.
import { Scheduler } from "../../schedule/scheduler.js";
import { chooseSchedule, type QueueSpeed } from "../../schedule/choose-schedule.js";
import { countedCost, type CostModel } from "../../plan/cost.js";
import type { ModelDefinition } from "../../model/definition.js";
import { workOf } from "../../model/work.js";
import type { Trace } from "../../trace/trace.js";
import { buildPlan } from "../../plan/plan.js";
import { attentionGrainOf, type Fence, type Placement } from "../../plan/vocabulary.js";
import { settleAll } from "../../util/settle-all.js";
import { throwIfAborted } from "../../util/signal.js";
import { BatchRows } from "../../model/rows.js";
import { ForwardEncoder, type RunQueue } from "./forward-encoder.js";
import { SUBMISSIONS_IN_FLIGHT, type LoadedModel, type Replica } from "../load/loaded-model.js";
import { OutputCollector, type OutputKind, type OutputRequest } from "./output.js";
import { PlanRun, SHARED_BUDGET_MS } from "./plan-run.js";
import { traceOf, type SubmissionRecord } from "./trace-recorder.js";
import type { QueueStats, RunStats } from "./pass-result.js";

/** A checked call. */
export interface Request {
  readonly tokens: readonly Uint32Array[];
  readonly tokenTypes?: readonly Uint32Array[] | undefined;
  /** If rows are pooled, the placement must be affine. */
  readonly output: OutputRequest;
  readonly sliceTokens: number | "auto";
  readonly fence: Fence;
  readonly placement: Placement | "auto";
  readonly queues: number | "auto";
  readonly trace: boolean;
  readonly gpuBudgetMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Outcome {
  readonly values: readonly Float32Array<ArrayBuffer>[];
  readonly stats: RunStats;
  readonly trace: Trace | undefined;
}

/** Submissions are usually full before. This bounds them if stages are tiny. */
const MAX_STAGES_PER_SUBMISSION = 64;

/** Assumed if nothing was measured: queues of one adapter only take turns. */
const NO_GAIN = { small: 1, large: 1 };

export async function runForwardPass(model: LoadedModel, request: Request): Promise<Outcome> {
  const startMs = performance.now();
  const { config, shape } = model;
  const { tokens, fence, signal } = request;
  throwIfAborted(signal, "The forward pass");
  const lengths = tokens.map(({ length }) => length);
  const cost = costOf(model.definition, request.output.kind);
  const { queues, placement, sliceTokens } = chooseSchedule(
    { ...request, lengths, layers: config.layers },
    speedOf(model, cost, request.gpuBudgetMs),
  );
  const plan = buildPlan({
    lengths,
    layers: config.layers,
    sliceTokens,
    fence,
    attentionGrain: attentionGrainOf(fence, placement),
  });
  const scheduler = new Scheduler(plan, {
    queues,
    placement,
    maxInFlight: SUBMISSIONS_IN_FLIGHT,
    maxStagesPerSubmission: MAX_STAGES_PER_SUBMISSION,
    cost,
  });
  // A sentence's next slices overwrite its keys and values, unless its attention was over as a whole before.
  const keyValueBuffers = plan.attentionGrain === "sentence" ? 1 : config.layers;
  const replicas = leastBusy(model.replicas, queues);
  const batchRows = assignRows(scheduler, lengths, queues, shape.pageTokens);
  for (const { queue } of replicas) queue.resetPeak();

  const runQueues: RunQueue[] = [];
  const written: Promise<void>[] = [];
  for (const [index, { load }] of replicas.entries()) load.rows += batchRows[index]!.rows;
  try {
    const { head } = request.output;
    const heads = head
      ? await Promise.all(replicas.map(({ queue, forward }) => head.prepare(queue, forward)))
      : [];
    for (const [index, { queue, forward, arenas }] of replicas.entries()) {
      const own = batchRows[index]!;
      const arena = await arenas.acquire(Math.max(1, own.rows), keyValueBuffers);
      runQueues.push({
        queue,
        forward,
        arena,
        batchRows: own,
        head: heads[index],
      });
      const accepted = queue.checked(() =>
        arena.writeRows(own.rowInfo(tokens, request.tokenTypes), own.pageTable()),
      );
      accepted.catch(() => undefined); // the run below fails for it, unless another queue fails before
      written.push(accepted);
    }
    const collector = new OutputCollector(request.output, tokens, shape);
    const encoders = runQueues.map((own) => new ForwardEncoder(own, runQueues, shape, collector));
    const run = new PlanRun({
      scheduler,
      encoders,
      loads: replicas.map(({ load }) => load),
      ...(request.gpuBudgetMs === undefined ? {} : { gpuBudgetMs: request.gpuBudgetMs }),
      operation: "The forward pass",
      maxStagesPerSubmission: MAX_STAGES_PER_SUBMISSION,
      timed: request.trace,
    });
    // Nothing waits for the rows to be accepted: if they are not, that is why the run fails.
    await settleAll([...written, run.run(signal)]);
    const call = { lengths, sliceTokens, layers: config.layers, fence, placement, queues };
    const trace = request.trace ? traceOf(call, run.records) : undefined;
    const owned = tokensPerQueue(scheduler, tokens.length, queues);
    const movedBytes = sum(encoders.map((encoder) => encoder.movedBytes));
    const elapsedMs = performance.now() - startMs;
    const stats = {
      ...statsOf(run, replicas, owned, movedBytes, trace, elapsedMs),
      sliceTokens,
      placement,
    };
    return { values: collector.values, stats, trace };
  } finally {
    for (const [index, { load }] of replicas.entries()) load.rows -= batchRows[index]!.rows;
    for (const [index, { arena }] of runQueues.entries()) replicas[index]!.arenas.release(arena);
  }
}

function costOf(model: ModelDefinition, output: OutputKind): CostModel {
  const hasAllLogits = output === "all" || output === "logProbabilities";
  return countedCost(workOf(model, hasAllLogits ? "all" : "few"));
}

/** Uses what the first queue has shown, as all queues are of one adapter. */
function speedOf({ replicas, info }: LoadedModel, cost: CostModel, gpuBudgetMs = Infinity): QueueSpeed {
  const { msPerCost, msPerStage } = replicas[0]!.load.pace;
  const { gain = NO_GAIN } = info.schedule;
  const mostMs = Math.min(gpuBudgetMs, SHARED_BUDGET_MS);
  return { queues: replicas.length, cost, msPerCost, msPerStage, gain, mostMs };
}

/** Returns this many replicas, least busy first, because the plan gives its first queue the costliest sentence. */
function leastBusy(replicas: readonly Replica[], count: number): Replica[] {
  return replicas.toSorted((a, b) => a.load.rows - b.load.rows).slice(0, count);
}

/** Gives a queue rows for every sentence that it owns a part of, because attention reads the whole sentence there. */
function assignRows(
  scheduler: Scheduler,
  lengths: readonly number[],
  queues: number,
  pageTokens: number,
): BatchRows[] {
  const sentences = Array.from({ length: queues }, (): number[] => []);
  for (let sentence = 0; sentence < lengths.length; sentence++)
    for (const { queue } of scheduler.ownership(sentence))
      if (sentences[queue]!.at(-1) !== sentence) sentences[queue]!.push(sentence);
  return sentences.map((list) => new BatchRows(list, lengths, pageTokens));
}

function tokensPerQueue(scheduler: Scheduler, sentences: number, queues: number): number[] {
  const tokens = Array.from({ length: queues }, () => 0);
  for (let sentence = 0; sentence < sentences; sentence++)
    for (const { queue, tokenCount } of scheduler.ownership(sentence)) tokens[queue]! += tokenCount;
  return tokens;
}

function statsOf(
  run: PlanRun,
  replicas: readonly Replica[],
  tokens: readonly number[],
  movedBytes: number,
  trace: Trace | undefined,
  elapsedMs: number,
): Omit<RunStats, "sliceTokens" | "placement"> {
  const queues = replicas.map(({ queue }, index): QueueStats => ({
    tokens: tokens[index]!,
    ...run.counts[index]!,
    busyMs: trace ? tracedMs(trace, index) : inFlightMs(run.records, index),
    peakBytes: queue.memory.peakBytes,
  }));
  return {
    tokens: sum(tokens),
    elapsedMs,
    dispatches: sum(queues.map((queue) => queue.dispatches)),
    submissions: sum(queues.map((queue) => queue.submissions)),
    movedBytes,
    peakBytes: sum(queues.map((queue) => queue.peakBytes)),
    queues,
  };
}

function tracedMs(trace: Trace, queue: number): number {
  let total = 0;
  for (const submission of trace.submissions)
    if (submission.queue === queue)
      for (const { beginMs, endMs } of submission.stages) total += endMs - beginMs;
  return total;
}

/** Returns the time during which at least one submission was in flight. */
function inFlightMs(records: readonly SubmissionRecord[], queue: number): number {
  let total = 0;
  let coveredUntil = 0;
  for (const { submission, submittedMs, doneMs } of records) {
    if (submission.queue !== queue) continue;
    total += Math.max(0, doneMs - Math.max(submittedMs, coveredUntil));
    coveredUntil = Math.max(coveredUntil, doneMs);
  }
  return total;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
