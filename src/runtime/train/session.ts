// Holds what a training run has on the GPU, and takes its steps over all queues: gradients per share of sentences, their sum, and
// the same optimizer step on every queue.
import { DeviceError } from "../../errors.js";
import type { GpuBuffer } from "../../gpu/buffer.js";
import { CommandList } from "../../gpu/command-list.js";
import type { Queue } from "../../gpu/queue.js";
import { submitAndRead } from "../../gpu/submit-and-read.js";
import { addVariant } from "../../kernels/optimizer/optimizer.js";
import type { Fence } from "../../plan/vocabulary.js";
import { buildTrainingPlan } from "../../plan/training-plan.js";
import { workOf } from "../../model/work.js";
import { countedCost } from "../../plan/cost.js";
import { Scheduler } from "../../schedule/scheduler.js";
import type { Trace } from "../../trace/trace.js";
import type { Batch } from "./batches.js";
import { DivergenceWatch } from "./divergence.js";
import { Backward } from "../../model/backward.js";
import type { CheckedOptimizer } from "./optimizer-options.js";
import { Optimizer } from "./optimizer.js";
import type { TrainablePiece } from "../../model/weights/model-weights.js";
import { TrainingArena, type TrainingArenaOptions } from "../../model/arena/training-arena.js";
import { compileBackward } from "../../model/backward-pipelines.js";
import { BatchRows } from "../../model/rows.js";
import { GradientSets } from "./gradient-sets.js";
import type { LoadedModel } from "../load/loaded-model.js";
import { PlanRun } from "../passes/plan-run.js";
import { traceOf } from "../passes/trace-recorder.js";
import { TrainingEncoder, WEIGHT_CHUNK_ROWS, type QueueTraining } from "./encoder.js";

/** One queue's part of a session. */
interface TrainingReplica {
  readonly queue: Queue;
  readonly backward: Backward;
  readonly parameters: readonly TrainablePiece[];
  readonly optimizer: Optimizer;
  readonly gradients: GradientSets;
  arena: TrainingArena | undefined;
}

export interface StepRequest {
  /** One batch, or several whose gradients are accumulated, one after the other. */
  readonly batches: readonly Batch[];
  /** From 1 on. */
  readonly step: number;
  readonly rate: number;
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly recompute: boolean;
  readonly trace: boolean | "kernels";
  readonly signal: AbortSignal | undefined;
}

export interface StepOutcome {
  /** Mean over the batch's targets, in nats. */
  readonly loss: number;
  /** The norm of the gradient before clipping. */
  readonly gradientNorm: number;
  /** The trace of the last batch. */
  readonly trace: Trace | undefined;
}

/** The part of a batch in a step. */
interface BatchOutcome {
  /** The sum of losses over the batch's targets. */
  readonly loss: number;
  readonly trace: Trace | undefined;
}

const MAX_STAGES_PER_SUBMISSION = 4;
/** The logits of this many slices are formed at once: enough rows for a dispatch, and a smaller k takes less memory. */
const SLICES_PER_CHUNK = 8;

export class TrainingSession {
  readonly #model: LoadedModel;
  readonly #replicas: readonly TrainingReplica[];
  readonly #exclusive: <R>(update: () => Promise<R>) => Promise<R>;
  readonly #divergence: DivergenceWatch;

  private constructor(
    model: LoadedModel,
    replicas: readonly TrainingReplica[],
    exclusive: <R>(update: () => Promise<R>) => Promise<R>,
    divergence: DivergenceWatch,
  ) {
    this.#model = model;
    this.#replicas = replicas;
    this.#exclusive = exclusive;
    this.#divergence = divergence;
  }

  /** Compiles and allocates. `exclusive` runs an update of the weights while nothing else reads them. */
  static async create(
    model: LoadedModel,
    queues: number,
    optimizer: CheckedOptimizer,
    exclusive: <R>(update: () => Promise<R>) => Promise<R>,
    divergence: DivergenceWatch = new DivergenceWatch(model.shape.vocabulary),
  ): Promise<TrainingSession> {
    const made: TrainingReplica[] = [];
    try {
      for (const { queue, weights, forward } of model.replicas.slice(0, queues)) {
        const pipelines = await queue.guard(compileBackward(queue, model.definition));
        const parameters = weights.trainable;
        made.push({
          queue,
          parameters,
          backward: new Backward(forward, pipelines),
          optimizer: await Optimizer.create(queue, parameters, optimizer),
          gradients: new GradientSets({
            queue,
            weights,
            add: await queue.pipelines.get(addVariant),
            addsUp: made.length === 0,
          }),
          arena: undefined,
        });
      }
    } catch (error) {
      for (const replica of made) disposeReplica(replica);
      throw error;
    }
    return new TrainingSession(model, made, exclusive, divergence);
  }

  /** Judges the run, also when it goes on on other queues. */
  get divergence(): DivergenceWatch {
    return this.#divergence;
  }

  /** Parameters and optimizer state of the first queue; all queues hold the same. */
  get state(): {
    readonly queue: Queue;
    readonly parameters: readonly TrainablePiece[];
    readonly optimizer: Optimizer;
  } {
    return this.#replicas[0]!;
  }

  get replicas(): readonly Pick<TrainingReplica, "queue" | "parameters" | "optimizer">[] {
    return this.#replicas;
  }

  /** Throws TrainingError if the run diverges (see DivergenceWatch). The weights are then as they were before. */
  async step(request: StepRequest): Promise<StepOutcome> {
    const { batches, step, rate } = request;
    const targets = batches.reduce((sum, batch) => sum + batch.targets, 0);
    let loss = 0;
    let trace: Trace | undefined;
    for (const [index, batch] of batches.entries()) {
      const outcome = await this.#accumulate(request, batch, 1 / targets, index === 0);
      loss += outcome.loss / targets;
      trace = outcome.trace;
    }
    const gradientNorm = await this.#update(loss, step, rate);
    return { loss, gradientNorm, trace };
  }

  dispose(): void {
    for (const replica of this.#replicas) disposeReplica(replica);
  }

  /** Adds the gradients of one batch to the sum, which is zero before the first. */
  async #accumulate(
    request: StepRequest,
    batch: Batch,
    lossScale: number,
    isFirst: boolean,
  ): Promise<BatchOutcome> {
    const sentences = batch.shares.flat();
    const shareOf = batch.shares.flatMap((share, index) => share.map(() => index));
    const lengths = sentences.map(({ length }) => length);
    const { config, shape } = this.#model;
    const queues = this.#replicas.length;
    const plan = buildTrainingPlan({
      lengths,
      shareOf,
      layers: config.layers,
      sliceTokens: request.sliceTokens,
      fence: request.fence,
    });
    const cost = countedCost(workOf(this.#model.definition, "few"));
    const scheduler = new Scheduler(plan, {
      queues,
      placement: "affine",
      maxStagesPerSubmission: MAX_STAGES_PER_SUBMISSION,
      // Queues with equal work would all do the same at the same time. So every second one forms weight gradients early, while the
      // others form activation gradients. If layers share rows, every queue forms weight gradients before the next layer.
      maxWaitingWeights: request.recompute
        ? 0
        : this.#replicas.map((_, queue) => (queue % 2 === 0 ? Infinity : 0)),
      cost,
    });
    const queueOf = sentences.map((_, sentence) => scheduler.ownership(sentence)[0]!.queue);
    const parts: QueueTraining[] = [];
    for (const [index, replica] of this.#replicas.entries())
      parts.push(
        await this.#prepare(replica, index, {
          request,
          batch,
          lossScale,
          isFirst,
          sentences,
          lengths,
          shareOf,
          queueOf,
        }),
      );
    const encoders = parts.map((part) => new TrainingEncoder(part, shape));
    const run = new PlanRun({
      scheduler,
      encoders,
      loads: this.#model.replicas.slice(0, queues).map(({ load }) => load),
      operation: "The training step",
      maxStagesPerSubmission: MAX_STAGES_PER_SUBMISSION,
      timed: request.trace,
    });
    await run.run(request.signal);

    const losses = sentences.map(({ length }) => new Float32Array(length - 1));
    for (const encoder of encoders) await encoder.readLosses(losses);
    let loss = 0;
    for (const own of losses) for (const value of own) loss += value;
    await GradientSets.addUp(
      this.#replicas.map(({ gradients }) => gradients),
      batch.shares.length,
    );
    const head = {
      lengths,
      sliceTokens: request.sliceTokens,
      layers: config.layers,
      fence: request.fence,
      placement: "affine" as const,
      queues,
      shares: shareOf,
    };
    return { loss, trace: request.trace ? traceOf(head, run.records) : undefined };
  }

  /** Makes arena, gradients and tables of one queue for a batch. Gradients and what kernels add to are set to zero. */
  async #prepare(
    replica: TrainingReplica,
    index: number,
    work: {
      readonly request: StepRequest;
      readonly batch: Batch;
      readonly lossScale: number;
      readonly isFirst: boolean;
      readonly sentences: readonly Uint32Array[];
      readonly lengths: readonly number[];
      readonly shareOf: readonly number[];
      readonly queueOf: readonly number[];
    },
  ): Promise<QueueTraining> {
    const { queue } = replica;
    const { request, batch, lossScale, isFirst, sentences, lengths, shareOf, queueOf } = work;
    const own = [...sentences.keys()].filter((sentence) => queueOf[sentence] === index);
    const batchRows = new BatchRows(own, lengths, this.#model.shape.pageTokens);
    const chunkRows = Math.min(batchRows.rows, SLICES_PER_CHUNK * request.sliceTokens) || 1;
    const arena = await this.#arenaOf(replica, {
      rows: Math.max(1, batchRows.rows),
      chunkRows: Math.max(chunkRows, WEIGHT_CHUNK_ROWS),
      recompute: request.recompute,
    });
    const shares = batch.shares.map((_, share) => own.filter((sentence) => shareOf[sentence] === share));
    const ownShares = [...shares.keys()].filter((share) => shares[share]!.length > 0);
    const gradients = await replica.gradients.assign(ownShares);
    const list = new CommandList(queue);
    replica.gradients.encodeClear(list, !isFirst);
    for (const value of replica.backward.gradients.zeroed) {
      const gradient = arena.gradient(value);
      list.clear(gradient, 0, gradient.sizeBytes);
    }
    await queue.checked(() => {
      arena.writeRows(batchRows.rowInfo(sentences), batchRows.pageTable());
      list.submit("training.clear");
    });
    return {
      queue,
      backward: replica.backward,
      arena,
      batchRows,
      tokens: sentences,
      shares,
      gradients,
      lossScale,
      chunkRows,
    };
  }

  /** Returns the replica's arena, or a new one if it is too small. Nothing else about it changes between steps of a run. */
  async #arenaOf(replica: TrainingReplica, options: TrainingArenaOptions): Promise<TrainingArena> {
    const { arena, queue } = replica;
    const { rows, chunkRows } = options;
    if (arena && arena.rows >= rows && arena.chunkRows === chunkRows) return arena;
    arena?.dispose();
    replica.arena = undefined;
    let made: TrainingArena | undefined;
    try {
      await queue.checked(() => {
        const withRoom = { ...options, rows: Math.ceil(rows * 1.125) };
        made = new TrainingArena(queue, this.#model.definition, replica.backward.gradients, withRoom);
      });
    } catch (error) {
      made?.dispose();
      const isTooLarge =
        error instanceof DeviceError && (error.reason === "out-of-memory" || error.reason === "limit");
      if (!isTooLarge) throw error;
      throw new DeviceError({
        reason: error.reason,
        problem: `Queue ${queue.index} has no room for the activations of ${rows} tokens`,
        remedy: "Train with a smaller batchTokens, with recompute, or with more queues.",
        cause: error,
      });
    }
    replica.arena = made!;
    return made!;
  }

  /** Takes the optimizer's step on every queue, unless the run diverges. Returns the gradient's norm. */
  async #update(loss: number, step: number, rate: number): Promise<number> {
    const [first] = this.#replicas;
    let squares!: GpuBuffer;
    const read = await submitAndRead(first!.queue, "training.norm", 4, (list, readback) => {
      squares = first!.optimizer.encodeSquaredNorm(list, first!.gradients.sum);
      readback.copy(list, squares, 0, 4);
    });
    const gradientNorm = Math.sqrt(new Float32Array(read)[0]!);
    this.#divergence.check(step, loss, gradientNorm);
    await this.#exclusive(async () => {
      await Promise.all(
        this.#replicas.map(({ queue, optimizer, gradients }) => {
          const steps = new CommandList(queue);
          const { sum } = gradients;
          // The first queue has the norm already, from the check.
          const norm = queue === first!.queue ? squares : optimizer.encodeSquaredNorm(steps, sum);
          optimizer.encodeStep(steps, sum, norm, step, rate);
          return queue.checked(() => steps.submit("training.update")).then(() => queue.fence());
        }),
      );
    });
    return gradientNorm;
  }
}

function disposeReplica(replica: TrainingReplica): void {
  replica.arena?.dispose();
  replica.optimizer.dispose();
  replica.gradients.dispose();
}
